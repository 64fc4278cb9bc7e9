// What may go wrong, one thing at a time: each strike resolves when its damage is done and what fell is up again.
import type { Random } from "../random.ts";
import type { ChaosWorld } from "./world.ts";

/** Longer than the lease of the chaos nodes, so that what a stopped process holds is lost to it. */
const stopMs = 5_000;

type Strike = (world: ChaosWorld, random: Random) => Promise<void>;

export const strikes = {
  async "kill a node"(world, random) {
    const { program } = random.pick(world.nodes);
    await program.kill();
    await wait(ms(random, 0, 1000));
    program.start();
  },
  async "end a node in order"(world, random) {
    const { program } = random.pick(world.nodes);
    await program.kill("SIGTERM");
    program.start();
  },
  async "kill a worker"(world, random) {
    const worker = random.pick(world.workers);
    await worker.kill();
    await wait(ms(random, 0, 1000));
    worker.start();
  },
  async "kill Redis"(world, random) {
    await world.redis.kill();
    await wait(ms(random, 0, 1500));
    await world.redis.start();
  },
  async "stop a node for longer than a lease"(world, random) {
    const { program } = random.pick(world.nodes);
    program.signal("SIGSTOP");
    await wait(stopMs);
    program.signal("SIGCONT");
  },
  async "stop a worker for longer than a lease"(world, random) {
    const worker = random.pick(world.workers);
    worker.signal("SIGSTOP");
    await wait(stopMs);
    worker.signal("SIGCONT");
  },
  async "cut a node off from Redis"(world, random) {
    const { proxy } = random.pick(world.nodes);
    proxy.cut();
    await wait(ms(random, 100, 3000));
    proxy.mend();
  },
  async "slow a node's Redis down"(world, random) {
    const { proxy } = random.pick(world.nodes);
    proxy.delay(ms(random, 50, 400));
    await wait(ms(random, 500, 3000));
    proxy.mend();
  },
  async "swallow what a node says to Redis"(world, random) {
    const { proxy } = random.pick(world.nodes);
    proxy.swallow();
    await wait(ms(random, 1000, 7000));
    proxy.mend();
  },
} satisfies Record<string, Strike>;
export type StrikeName = keyof typeof strikes;
export const strikeNames = Object.keys(strikes) as StrikeName[];

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A random time, in milliseconds. */
function ms(random: Random, least: number, most: number): number {
  return least + random.below(most - least);
}
