// Jobs of every kind for `test/fixtures/snapshots/`: how each comes to where it is stored, and how it goes on from there.
import { expect } from "vitest";
import type { JobView } from "../../src/runtime/runtime.ts";
import type { JobDump } from "../../src/store/dump.ts";
import type { World } from "./runtime-world.ts";
import type { ScriptedWorker } from "./scripted-worker.ts";
import { promises } from "./snapshot-blueprints.ts";

export interface Scene extends World {
  /** Takes tasks of the type `work`. */
  readonly worker: ScriptedWorker;
  readonly jobId: string;
}

export interface SnapshotCase {
  readonly blueprint: string;
  readonly version?: string;
  readonly input: unknown;
  /** Lead a job that has just been started to where it is stored. @returns the job that is meant, where it is another. */
  begin?(scene: Scene): Promise<string | void>;
  /** Lead the stored job on. */
  goOn?(scene: Scene): Promise<void>;
  /** What it is then. */
  readonly ends: Partial<JobView>;
}

const small = { length: 3 };
/** Larger than what an envelope stores in the usual way. */
const large = { length: 10_000 };
const hour = 3_600_000;

const send = ({ runtime }: Scene, jobId: string, ...types: string[]) =>
  types.reduce<Promise<unknown>>(
    (before, type) => before.then(() => runtime.jobs.send(jobId, { type })),
    Promise.resolve(),
  );

/** Answer the job's attempts, which the worker has had since before the job was stored. */
async function finishTasks({ store, worker, jobId }: Scene, output: unknown, atMost = 100) {
  const tasks = await store.listTasks(jobId);
  for (const task of tasks.slice(0, atMost)) await worker.succeed(task, output);
}

export const snapshotCases: Readonly<Record<string, SnapshotCase>> = {
  "task-that-runs": {
    blueprint: "working",
    version: "1",
    input: small,
    goOn: (scene) => finishTasks(scene, 7),
    ends: { status: "finished", currentState: "done", output: { got: 7, none: undefined } },
  },
  "large-context": {
    blueprint: "working",
    version: "1",
    input: large,
    goOn: (scene) => finishTasks(scene, 7),
    ends: { status: "finished", currentState: "done" },
  },
  "delay-that-runs": {
    blueprint: "working",
    version: "1",
    input: small,
    goOn: ({ clock }) => clock.advance(hour),
    ends: { status: "finished", currentState: "late" },
  },
  "job-with-a-child": {
    blueprint: "snapshot_parent",
    input: {},
    async goOn(scene) {
      await send(scene, scene.jobId, "TELL");
      await scene.clock.advance(0);
    },
    ends: { status: "finished", currentState: "over", output: { is: "over" } },
  },
  "regions-with-a-memory": {
    blueprint: "regions",
    input: {},
    begin: (scene) => send(scene, scene.jobId, "GO", "PAUSE").then(() => {}),
    async goOn(scene) {
      await send(scene, scene.jobId, "LATER", "BACK");
      await scene.clock.advance(hour / 2);
    },
    ends: { status: "finished", currentState: "over" },
  },
  "kept-events": {
    blueprint: "regions",
    input: {},
    begin: (scene) => send(scene, scene.jobId, "PAUSE", "LATER").then(() => {}),
    async goOn(scene) {
      await finishTasks(scene, 7);
      await send(scene, scene.jobId, "BACK", "GO");
      await scene.clock.advance(hour / 2);
    },
    ends: { status: "finished", currentState: "over" },
  },
  "promise-that-runs": {
    blueprint: "promised",
    input: {},
    async begin(scene) {
      promises.end = false;
      await send(scene, scene.jobId, "GO");
      await scene.clock.advance(0);
      promises.end = true;
    },
    goOn: ({ clock }) => clock.advance(hour / 2),
    ends: { status: "finished", currentState: "kept" },
  },
  "flow-with-a-task": {
    blueprint: "flowing",
    input: { what: "task" },
    goOn: (scene) => finishTasks(scene, { n: 7 }),
    ends: { status: "finished", currentState: "completed", data: { n: 7 } },
  },
  "flow-with-tasks-at-once": {
    blueprint: "flowing",
    input: { what: "tasks" },
    begin: (scene) => finishTasks(scene, {}, 1),
    goOn: (scene) => finishTasks(scene, {}),
    ends: { currentState: "completed", data: { came: ["success", "success", "success"] } },
  },
  "flow-with-a-person": {
    blueprint: "flowing",
    input: { what: "person" },
    goOn: ({ runtime, jobId }) => runtime.jobs.approve(jobId, "approved"),
    ends: { status: "finished", currentState: "completed" },
  },
  "flow-with-a-job": {
    blueprint: "flowing",
    input: { what: "job" },
    goOn: ({ clock }) => clock.advance(2 * hour),
    ends: { status: "finished", currentState: "completed" },
  },
  "job-that-migrated": {
    blueprint: "working",
    version: "1",
    input: small,
    async begin({ runtime }) {
      const request = { blueprint: "working", from: "1", dryRun: false, by: "ann", limit: 10 };
      expect((await runtime.versions.migrate(request)).jobs).toHaveLength(1);
    },
    goOn: (scene) => finishTasks(scene, 7),
    ends: { status: "finished", currentState: "done", version: "2" },
  },
  "job-that-was-restarted": {
    blueprint: "working",
    version: "1",
    input: small,
    async begin({ runtime, clock, jobId }) {
      await runtime.jobs.cancel(jobId, "enough");
      const again = await runtime.past.restart({ jobId, revision: 1, by: "ann" });
      await clock.advance(0);
      return again.jobId;
    },
    goOn: (scene) => finishTasks(scene, 7),
    ends: { status: "finished", currentState: "done" },
  },
  "job-that-was-driven-again": {
    blueprint: "regions",
    input: {},
    async begin(scene) {
      const { runtime, worker, store, clock, jobId } = scene;
      await send(scene, jobId, "PAUSE", "LATER");
      await clock.advance(10_000);
      for (const task of await store.listTasks(jobId)) await worker.fail(task, "PERMANENT_ERROR");
      await clock.advance(hour);
      await runtime.quarantine.redrive(jobId, { params: { aside: "again" } });
    },
    async goOn(scene) {
      await finishTasks(scene, 7);
      await send(scene, scene.jobId, "BACK", "GO");
      await scene.clock.advance(hour / 2 - 10_000);
    },
    ends: { status: "finished", currentState: "over" },
  },
  "job-that-was-cancelled": {
    blueprint: "working",
    version: "1",
    input: small,
    begin: ({ runtime, jobId }) => runtime.jobs.cancel(jobId, "enough").then(() => {}),
    ends: { status: "cancelled", error: { code: "cancelled", message: "enough" } },
  },
  "job-that-has-ended": {
    blueprint: "working",
    version: "1",
    input: small,
    begin: (scene) => finishTasks(scene, { n: 7 }),
    ends: { status: "finished", output: { got: { n: 7 }, none: undefined } },
  },
};

/** What a file holds: all jobs of the store, and the one that is meant. */
export interface Snapshot {
  /** Store time. */
  readonly at: number;
  readonly jobId: string;
  readonly jobs: readonly JobDump[];
}
