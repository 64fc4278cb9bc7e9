// What `avtomatika/worker` exports: all that is needed to write a worker.
export { createWorker, Worker } from "./worker.ts";
export type { StopOptions, WorkerOptions } from "./options.ts";
export type { CapacityChecker } from "./capacity.ts";
export type { Isolation } from "./isolation.ts";
export type { Middleware } from "./middleware.ts";
export type { Orchestrator, OrchestratorMode } from "./orchestrators.ts";
export {
  defineTask,
  withStatus,
  WithStatus,
  type DefinedTask,
  type SharedTask,
  type TaskContext,
  type TaskHandler,
  type TaskOptions,
} from "./task.ts";
export type { TaskLimits } from "./allowance.ts";
export type { EventOutcome } from "./events.ts";
export type { TaskStream } from "./stream-writer.ts";
export {
  InvalidInputError,
  PermanentError,
  TaskCancelled,
  TaskFailure,
  TransientError,
  type TaskErrorOptions,
} from "./errors.ts";
export { loadTasks } from "./load-tasks.ts";
