// Handlers that keep the thread in which they run busy until a test lets go: nothing else happens there meanwhile.
import { appendFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { defineTask } from "avtomatika/worker";

const folder = process.env["BUSY_FOLDER"]!;
const cell = new Int32Array(new SharedArrayBuffer(4));

/** Computes, as far as anybody can tell, until there is a file `go`. */
export const echo = defineTask("echo", ({ taskId, attempt, progress }) => {
  appendFileSync(join(folder, "runs"), `${taskId}#${attempt}\n`);
  for (let step = 0; !existsSync(join(folder, "go")); step++) {
    progress(0, `${step}`);
    Atomics.wait(cell, 0, 0, 10);
  }
  return { attempt };
});

/** Computes in parts, each until there is a file `part-<n>`, with a turn of the event loop between them. */
export const parts = defineTask("parts", async ({ params, taskId, attempt }) => {
  appendFileSync(join(folder, "runs"), `${taskId}#${attempt}\n`);
  for (let part = 0; part < Number(params["n"]); part++) {
    while (!existsSync(join(folder, `part-${part}`))) Atomics.wait(cell, 0, 0, 10);
    await new Promise(setImmediate);
    appendFileSync(join(folder, "runs"), `part ${part}\n`);
  }
  return { attempt };
});

/** Waits for nothing, without keeping anybody busy. */
export const idle = defineTask(
  "idle",
  ({ signal }) =>
    new Promise((resolve) => signal.addEventListener("abort", () => resolve("told to stop"))),
);
