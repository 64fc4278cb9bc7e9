// Runs one random machine twice, live in XState and as jobs in the kernel, and compares them all the way.
import { isDeepStrictEqual } from "node:util";
import type { Envelope } from "../../src/actor/envelope.ts";
import type { Cluster } from "./cluster.ts";
import type { LiveActor } from "./live-actor.ts";
import { eventTypes } from "./random-actions.ts";
import { randomMachine } from "./random-machine.ts";
import { seededRandom, type Random } from "./random.ts";
import { KernelSide, LiveSide, Told, viewOf, type View } from "./two-sides.ts";

const inputsPerMachine = 30;
/** A machine whose timers set more timers than they use up would keep us busy for ever. */
const timersMax = 12;

export interface Comparison {
  readonly seed: number;
  /** Events, completions and moves of the clock that both were given. */
  readonly inputs: number;
  readonly completions: number;
  readonly timersFired: number;
  /** Steps of all jobs. */
  readonly steps: number;
  readonly childJobs: number;
  readonly end: "active" | "done" | "error" | "stopped";
  /** Why the two could not be compared to the end. */
  readonly parted: KernelSide["parted"] | "race";
  /** What differed first, if anything. */
  readonly difference?: { readonly input: number; readonly live: View; readonly kernel: View };
}

/** Drive both with the same random inputs until the root ends, or they differ. */
export function compareWithLive(seed: number): Comparison {
  const random = seededRandom(seed);
  const told = new Told();
  const note = (machineId: string, actorId: string): void => {
    // The root is `x:<n>` live.
    told.add(machineId, actorId.startsWith("x:") ? "" : actorId, "note");
  };
  const machine = randomMachine(random, note);
  const live = new LiveSide(machine, told);
  const kernel = new KernelSide(machine);
  const counts = { inputs: 0, completions: 0, timersFired: 0 };
  for (let input = 0; ; input++) {
    const views = { live: viewOf(live, kernel.failed), kernel: viewOf(kernel, kernel.failed) };
    const end = kernel.cluster.envelope().status;
    const isDifferent = !isDeepStrictEqual(views.live, views.kernel);
    const parted: Comparison["parted"] =
      kernel.parted ?? (isDifferent && kernel.hasRaced ? "race" : undefined);
    const isOver =
      end !== "active" || kernel.cluster.due().length > timersMax || input === inputsPerMachine;
    if (isDifferent || parted !== undefined || isOver) {
      live.actor.close();
      const { steps, childJobs } = kernel;
      const found = { seed, ...counts, steps, childJobs, end, parted };
      return isDifferent && parted === undefined
        ? { ...found, difference: { input, ...views } }
        : found;
    }
    counts.inputs++;
    give(random, input, live.actor, kernel.cluster, counts);
  }
}

/** A running job: child ids from the root to it, and its envelope. */
interface Running {
  readonly path: readonly string[];
  readonly envelope: Envelope;
}

function give(
  random: Random,
  input: number,
  live: LiveActor,
  cluster: Cluster,
  counts: { completions: number; timersFired: number },
): void {
  const running = runningJobs(cluster, { path: [], envelope: cluster.envelope() });
  const tasks = running.flatMap(({ path, envelope }) =>
    Object.entries(envelope.children)
      .filter(([, child]) => child.settled === undefined && child.src === "task")
      .map(([child, { generation }]) => ({ path, jobId: envelope.jobId, child, generation })),
  );
  const choice = random.next();
  if (choice < 0.25) {
    const until = cluster.now + 1000 * (1 + random.below(8));
    for (;;) {
      // Both go on together, up to where there are too many timers.
      const [next] = cluster.due();
      if (next === undefined || next > until || cluster.due().length > timersMax) break;
      counts.timersFired++;
      cluster.advance(next);
      live.advance(next);
    }
    if (cluster.due().length > timersMax) return;
    cluster.advance(until);
    live.advance(until);
  } else if (choice < 0.45 && tasks.length > 0) {
    counts.completions++;
    const { path, jobId, child, generation } = random.pick(tasks);
    if (random.chance(0.7)) {
      const output = input;
      live.send({ type: `xstate.done.actor.${child}`, output, actorId: child }, path);
      cluster.take({ type: "done", child, generation, output }, jobId);
    } else {
      const error = { code: "failed", message: `input ${input}` };
      live.send({ type: `xstate.error.actor.${child}`, error, actorId: child }, path);
      cluster.take({ type: "failed", child, generation, error }, jobId);
    }
  } else {
    const type = random.pick(eventTypes);
    const { path, envelope } = random.chance(0.7) ? running[0]! : random.pick(running);
    live.send({ type }, path);
    cluster.take({ type: "event", event: { type } }, envelope.jobId);
  }
}

function runningJobs(cluster: Cluster, job: Running): Running[] {
  const inner = cluster
    .childJobs(job.envelope.jobId)
    .flatMap(([id, envelope]) => runningJobs(cluster, { path: [...job.path, id], envelope }));
  return [job, ...inner];
}
