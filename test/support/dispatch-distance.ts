// Measures what several nodes pay for choosing workers each among its own: the mean cost of the chosen one.
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import { FakeClock } from "./fake-clock.ts";
import { seededRandom } from "./random.ts";
import { openWorld, type World } from "./runtime-world.ts";
import { ScriptedWorker } from "./scripted-worker.ts";
import { work } from "./work-world.ts";

const workers = 16;
const slots = 2;
const serviceMs = 1000;

/**
 * Sixteen workers of two slots, whose seconds cost 1 to 16, are spread over nodes by chance, and so are jobs of a second
 * each that ask for the cheapest worker.
 *
 * @param load the share of all slots that the jobs keep busy, from 0 to 1
 * @returns the mean cost of the workers that did them
 */
export async function dispatchDistance(given: {
  readonly nodes: number;
  readonly load: number;
  readonly jobs: number;
  readonly seed?: number;
}): Promise<number> {
  const { nodes, load, jobs, seed = 1 } = given;
  const random = seededRandom(seed);
  const clock = new FakeClock();
  const store = new MemoryStore({ clock, shared: true, nodeId: "n0" });
  const blueprints = [work("it", { strategy: "cheapest" })];
  const worlds: World[] = [];
  for (let n = 0; n < nodes; n++)
    worlds.push(await openWorld(blueprints, { clock, store, nodeId: `n${n}` }));
  const pick = () => random.pick(worlds).runtime;
  let total = 0;
  for (let cost = 1; cost <= workers; cost++) {
    const { workers: service } = pick();
    const worker = new ScriptedWorker(service, `w${cost}`, ["work"], { costPerSecond: cost });
    worker.push = (task) => {
      total += cost;
      service.accept(worker, task);
      clock.schedule(serviceMs, () => void worker.succeed(task));
    };
    await worker.connect(slots);
  }
  const betweenMs = serviceMs / (workers * slots * load);
  for (let n = 0; n < jobs; n++) {
    await pick().jobs.start({ blueprint: "it", input: n });
    // Exponential gaps: arrivals come in bunches, as they do.
    await clock.advance(Math.round(-Math.log(1 - random.next()) * betweenMs));
  }
  await clock.advance(20_000);
  const left = (await store.countJobs()).finished;
  if (left !== jobs) throw new Error(`${left} of ${jobs} jobs are finished`);
  for (const { runtime } of worlds) await runtime.stop();
  return total / jobs;
}
