// The worker process of BullMQ's side of the bench: the same work as ours, none at all.
import { parseArgs } from "node:util";
import { loadBullMq } from "./install.ts";

const { values } = parseArgs({
  options: { port: { type: "string" }, concurrency: { type: "string" } },
});
const connection = { host: "127.0.0.1", port: Number(values.port) };
const { Worker } = loadBullMq();

/** `add` adds one to what came before it, `sum` adds up what its children gave. */
const worker = new Worker(
  "bench",
  async (job) => {
    if (job.name === "echo") return "Hello World Hello World Hello World";
    const children = Object.values(await job.getChildrenValues());
    if (job.name === "sum") return children.reduce((sum, value) => sum + value, 0);
    return (children[0] ?? job.data.value) + 1;
  },
  { connection, concurrency: Number(values.concurrency) },
);
await worker.waitUntilReady();
process.stdout.write("ready\n");
process.once("SIGTERM", () => void worker.close().then(() => process.exit(0)));
