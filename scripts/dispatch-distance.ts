// How far dispatch is from the best choice: over several nodes, and beside tasks that nobody can do. Prints two tables.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { systemClock } from "../src/clock.ts";
import { openEmbeddedStore } from "../src/store/embedded/embedded-store.ts";
import { dispatchDistance } from "../test/support/dispatch-distance.ts";
import { openWorld } from "../test/support/runtime-world.ts";
import { ScriptedWorker } from "../test/support/scripted-worker.ts";
import { work } from "../test/support/work-world.ts";

const say = (line: string): void => void process.stdout.write(`${line}\n`);

say("Mean cost of the chosen worker, in times of that of one node that sees all workers\n");
say("load  1 node  2 nodes  4 nodes  8 nodes");
for (const load of [0.25, 0.5, 0.75, 0.95]) {
  const costs: number[] = [];
  for (const nodes of [1, 2, 4, 8]) costs.push(await dispatchDistance({ nodes, load, jobs: 400 }));
  const [best = 1] = costs;
  const cells = costs.map((cost) => (cost / best).toFixed(2).padStart(7));
  say(`${String(load * 100).padStart(3)} %${cells.join("  ")}`);
}

await echoRate(0);
say("\nEcho jobs per second on the embedded store, one node, one worker of 32 slots\n");
for (const impossible of [0, 1000, 10_000]) {
  const rate = await echoRate(impossible);
  say(`${String(impossible).padStart(6)} tasks wait that nobody can do: ${rate.toFixed(0)}`);
}

async function echoRate(impossible: number): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "avtomatika-distance-"));
  const store = await openEmbeddedStore({ directory, clock: systemClock });
  const blueprints = [work("echo"), work("never", { requirements: { gpu_info: {} } })];
  const { runtime } = await openWorld(blueprints, {
    store: store as never,
    clock: systemClock as never,
  });
  try {
    await startAll(impossible, "never");
    const worker = new ScriptedWorker(runtime.workers, "w", ["work"]);
    worker.push = (task) => {
      runtime.workers.accept(worker, task);
      void worker.succeed(task);
    };
    await worker.connect(32);
    await startAll(500, "echo");
    const begun = performance.now();
    await startAll(3000, "echo");
    return 3_000_000 / (performance.now() - begun);
  } finally {
    await runtime.stop();
    await store.close();
    await rm(directory, { recursive: true });
  }

  async function startAll(count: number, blueprint: string): Promise<void> {
    let left = count;
    const one = async () => {
      while (left-- > 0) {
        const { jobId } = await runtime.jobs.start({
          blueprint,
          input: {},
          follow: blueprint === "echo",
        });
        if (blueprint === "echo") await runtime.jobs.wait(jobId, 10_000);
      }
    };
    await Promise.all(Array.from({ length: 32 }, one));
  }
}
