// The client process of BullMQ's side of the bench: callers in a closed loop, each waiting for what it started.
import { parseArgs } from "node:util";
import { closedLoop } from "../closed-loop.ts";
import { loadBullMq } from "./install.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string" },
    shape: { type: "string" },
    jobs: { type: "string" },
    callers: { type: "string" },
  },
});
const connection = { host: "127.0.0.1", port: Number(values.port) };
const { Queue, QueueEvents, FlowProducer } = loadBullMq();
const queue = new Queue("bench", { connection });
const flows = new FlowProducer({ connection });
const events = new QueueEvents("bench", { connection });
await events.waitUntilReady();

const step = (name: string, value: number, children: readonly object[] = []) => ({
  name,
  queueName: "bench",
  data: { value },
  ...(children.length > 0 && { children }),
});
/** The shapes of `npm run bench -- shapes`, and what each must come to. */
const shapes: Readonly<
  Record<
    string,
    { start: () => Promise<{ waitUntilFinished(events: unknown): Promise<unknown> }>; end: unknown }
  >
> = {
  A: {
    start: () => queue.add("echo", { message: "Hello World", multiply: 3 }),
    end: "Hello World Hello World Hello World",
  },
  B: {
    start: async () => (await flows.add(step("add", 1, [step("add", 1, [step("add", 1)])]))).job,
    end: 4,
  },
  C: {
    start: async () =>
      (
        await flows.add(
          step(
            "sum",
            0,
            Array.from({ length: 10 }, (_, n) => step("add", n + 1)),
          ),
        )
      ).job,
    end: 65,
  },
};
const { start, end } = shapes[values.shape!]!;
const figures = await closedLoop(
  Number(values.callers),
  { calls: Number(values.jobs) },
  async () => {
    const result = await (await start()).waitUntilFinished(events);
    if (result !== end) throw new Error(`A job went wrong: ${JSON.stringify(result)}`);
  },
);
await Promise.all([queue.close(), flows.close(), events.close()]);
const { user, system } = process.cpuUsage();
process.stdout.write(
  JSON.stringify({ ...figures, clientCpuMs: (user + system) / 1000 / figures.calls }),
);
process.exit(0);
