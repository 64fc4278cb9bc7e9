// What `avtomatika/testing` exports: all that is needed to test a blueprint.
export { openTestWorld, type TestWorld, type TestWorldOptions } from "./test-world.ts";
export type { TestJob } from "./test-job.ts";
export type { DispatchedTask } from "./task-book.ts";
export {
  byHand,
  fail,
  fallSilent,
  noWorker,
  reply,
  type ProgressReport,
  type Script,
  type ScriptStep,
  type TaskCall,
  type Told,
} from "./script.ts";
export { FakeClock } from "./fake-clock.ts";
export { findPaths, type Path, type PathOptions, type Paths } from "./paths.ts";
export type { ModelTransition } from "./coverage.ts";
export { loadRecordedJobs, readRecordedJob, type RecordedJob } from "./recorded-job.ts";
export {
  assertReplayed,
  replayJobs,
  type ReplayDifference,
  type ReplayOptions,
  type ReplayReport,
} from "./replay-jobs.ts";
