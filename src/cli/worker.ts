// `avtomatika worker`: the verbs for workers.
import type { Command } from "commander";
import { addWorkerRun } from "./worker-run.ts";
import { addWorkerTest } from "./worker-test.ts";

export function addWorker(program: Command): void {
  const worker = program.command("worker").description("run task handlers, and test workers");
  addWorkerRun(worker);
  addWorkerTest(worker);
}
