// Stores a job of a case as the present release writes it, and takes up what a release has stored.
import type { JobView } from "../../src/runtime/runtime.ts";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import { FakeClock } from "./fake-clock.ts";
import { openWorld } from "./runtime-world.ts";
import { ScriptedWorker } from "./scripted-worker.ts";
import { snapshotBlueprints } from "./snapshot-blueprints.ts";
import type { Scene, Snapshot, SnapshotCase } from "./snapshot-cases.ts";

async function openScene(clock: FakeClock, store: MemoryStore): Promise<Omit<Scene, "jobId">> {
  const world = await openWorld(snapshotBlueprints, { clock, store });
  const worker = new ScriptedWorker(world.runtime.workers, "w", ["work"]);
  await worker.connect();
  return { ...world, worker };
}

export async function takeSnapshot(one: SnapshotCase): Promise<Snapshot> {
  const clock = new FakeClock();
  const scene = await openScene(clock, new MemoryStore({ clock }));
  const { runtime, store } = scene;
  const { blueprint, version, input } = one;
  const started = await runtime.jobs.start({
    blueprint,
    input,
    ...(version !== undefined && { version }),
  });
  await clock.advance(0);
  const other = await one.begin?.({ ...scene, jobId: started.jobId });
  await clock.advance(0);
  const { jobs } = await store.listJobs({ limit: 100 });
  const dumps = await Promise.all(jobs.map(({ jobId }) => store.exportJob(jobId)));
  await runtime.stop();
  const found = dumps.filter((dump) => dump !== undefined);
  return { at: store.now(), jobId: other ?? started.jobId, jobs: found };
}

/** Take the stored jobs up, and lead the one that is meant on. @returns what it is then, and its world. */
export async function takeUp(
  { at, jobId, jobs }: Snapshot,
  one: SnapshotCase,
): Promise<{ readonly job: JobView | undefined; readonly scene: Scene }> {
  const clock = new FakeClock(at);
  const store = new MemoryStore({ clock });
  for (const dump of jobs) await store.importJob(dump);
  const scene = { ...(await openScene(clock, store)), jobId };
  await clock.advance(0);
  await one.goOn?.(scene);
  await clock.advance(0);
  return { job: await scene.runtime.jobs.get(jobId), scene };
}
