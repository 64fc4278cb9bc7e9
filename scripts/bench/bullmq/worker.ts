// The worker process of BullMQ in the bench: the same tasks as ours.
import { loadBullMq, type RunningJob } from "./library.ts";

const [port, concurrency] = process.argv.slice(2);
const { Worker } = loadBullMq();

async function handle(job: RunningJob): Promise<unknown> {
  if (job.name === "echo") return { message: "Hello World Hello World Hello World" };
  const children = Object.values(await childrenOf(job));
  if (job.name === "add_all") return { value: children.reduce((sum, { value }) => sum + value, 0) };
  return { value: (children[0] ?? job.data).value + 1 };
}

/** A job that waits for none has none: it does not ask. */
async function childrenOf(job: RunningJob): Promise<Record<string, { readonly value: number }>> {
  return "value" in job.data ? {} : job.getChildrenValues();
}

const worker = new Worker("bench", handle, {
  connection: { host: "127.0.0.1", port: Number(port) },
  concurrency: Number(concurrency),
});
await worker.waitUntilReady();
process.stdout.write("ready\n");
process.on("SIGTERM", () => void worker.close().then(() => process.exit(0)));
