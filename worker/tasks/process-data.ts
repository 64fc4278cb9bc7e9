// Processes a text in a few steps, so that there is progress to watch. A text with FAIL in it fails for good.
import { setTimeout as delay } from "node:timers/promises";
import { processData } from "../../machines/task/process-data.ts";
import { defineTask, PermanentError } from "avtomatika/worker";

const steps = ["reading", "normalising", "processing", "checking"];
const stepMs = 40;

export const process = defineTask(processData, async ({ params, workerId, signal, progress }) => {
  for (const [done, step] of steps.entries()) {
    progress(done / steps.length, step);
    await delay(stepMs, undefined, { signal });
  }
  progress(1, "done");
  if (params.input.includes("FAIL"))
    throw new PermanentError(`The input can't be processed: ${params.input}`);
  return {
    processed_payload: params.input.toUpperCase(),
    worker_id: workerId,
    message: "Data processed successfully",
  };
});
