// The client process of BullMQ in the bench: adds jobs and waits for each, as our callers do.
import { parseArgs } from "node:util";
import { createClient } from "redis";
import { closedLoop } from "../closed-loop.ts";
import { loadBullMq, type FlowJob } from "./library.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string" },
    shape: { type: "string" },
    jobs: { type: "string" },
    callers: { type: "string" },
  },
});
const { Queue, QueueEvents, FlowProducer } = loadBullMq();
const options = { connection: { host: "127.0.0.1", port: Number(values.port) } };
// Listen from where the stream of events ends now: "from now on" would begin with the first read only,
// and a job that ended before it would be waited for without end.
const redis = await createClient({ socket: options.connection }).connect();
const latest = await redis.xRevRange("bull:bench:events", "+", "-", { COUNT: 1 });
await redis.close();
const events = new QueueEvents("bench", { ...options, lastEventId: latest?.[0]?.id ?? "0-0" });
const queue = new Queue("bench", options);
const flows = new FlowProducer(options);
// Each waiting caller listens to them.
for (const emitter of [events, queue, flows]) emitter.setMaxListeners(0);
await Promise.all([events.waitUntilReady(), queue.waitUntilReady(), flows.waitUntilReady()]);

const job = (name: string, data: unknown, children: readonly FlowJob[] = []): FlowJob => ({
  name,
  queueName: "bench",
  data,
  children,
});
/** What is added for one job of each shape, and what comes of it. */
const shapes: Readonly<
  Record<string, () => Promise<{ readonly job: Finishing; readonly expect: string }>>
> = {
  A: async () => ({
    job: await queue.add("echo", { message: "Hello World", multiply: 3 }),
    expect: "Hello World Hello World Hello World",
  }),
  B: async () => ({
    job: (await flows.add(job("add_one", {}, [job("add_one", {}, [job("add_one", { value: 1 })])])))
      .job,
    expect: '"value":4',
  }),
  C: async () => ({
    job: (
      await flows.add(
        job(
          "add_all",
          {},
          Array.from({ length: 10 }, (_, index) => job("add_one", { value: 1 + index })),
        ),
      )
    ).job,
    expect: '"value":65',
  }),
};
type Finishing = Awaited<ReturnType<typeof queue.add>>;

const begin = shapes[values.shape!]!;
const figures = await closedLoop(
  Number(values.callers),
  { calls: Number(values.jobs) },
  async () => {
    const { job, expect } = await begin();
    const result = JSON.stringify(await job.waitUntilFinished(events));
    if (!result.includes(expect)) throw new Error(`A job went wrong: ${result}`);
  },
);
const { user, system } = process.cpuUsage();
await Promise.all([events.close(), queue.close(), flows.close()]);
process.stdout.write(
  JSON.stringify({ ...figures, clientCpuMs: (user + system) / 1000 / figures.calls }),
);
process.exit(0);
