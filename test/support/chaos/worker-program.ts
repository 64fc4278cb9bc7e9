// One worker of the chaos tests as a process. It notes what it runs in a file of its own, whatever the product notes.
import { appendFileSync } from "node:fs";
import { pino } from "pino";
import { createWorker } from "../../../worker/worker.ts";

const { CHAOS_URL, CHAOS_WORKER_TOKEN, CHAOS_WORKER, CHAOS_AUDIT } = process.env;

/** On disk before the handler goes on, as far as the death of this process is concerned. */
const note = (entry: object): void => appendFileSync(CHAOS_AUDIT!, `${JSON.stringify(entry)}\n`);

const worker = createWorker({
  url: CHAOS_URL!,
  token: CHAOS_WORKER_TOKEN!,
  id: CHAOS_WORKER!,
  maxConcurrentTasks: 100,
  log: pino({ level: "silent" }),
});
worker.task<{ name: string; part: string }>("chaos_work", async (context) => {
  const { params, taskId, attempt, jobId, signal } = context;
  note({ event: "begin", jobId, taskId, attempt, worker: CHAOS_WORKER });
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, 5 + Math.random() * 40);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
  if (attempt === 1 && Math.random() < 0.1)
    throw Object.assign(new Error("not at once"), { code: "TRANSIENT_ERROR" });
  note({ event: "end", jobId, taskId, attempt, worker: CHAOS_WORKER });
  return { by: `${params.part} ${taskId} ${attempt}` };
});
await worker.start();
