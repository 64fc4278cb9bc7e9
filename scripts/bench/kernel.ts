// Measures one step with JSON both ways: our kernel against stock XState, interleaved in one run.
import { pathToFileURL } from "node:url";
import { createActor, fromPromise, initialTransition, setup, transition } from "xstate";
import { decodeEnvelope, encodeEnvelope } from "../../src/actor/codec.ts";
import type { Effect } from "../../src/actor/effect.ts";
import { start, step } from "../../src/actor/step.ts";

export interface KernelBench {
  /** Steps per second of process CPU time: each decoded, stepped and encoded. */
  readonly kernelStepsPerSecond: number;
  readonly stockStepsPerSecond: number;
  /** How many times faster the kernel is. */
  readonly ratio: number;
  readonly kernelBytes: number;
  readonly stockBytes: number;
}

const rounds = 7;
const jobsPerRound = 2000;
/** Each job is started and then moved by three results. */
const stepsPerJob = 4;

const machine = setup({
  actors: { work: fromPromise(() => Promise.resolve()) },
}).createMachine({
  id: "bench",
  context: ({ input }) => ({ order: input, total: 0 }),
  initial: "a",
  states: {
    a: { invoke: { id: "a", src: "work", onDone: "b" } },
    b: { invoke: { id: "b", src: "work", onDone: "c" } },
    c: { invoke: { id: "c", src: "work", onDone: "end" } },
    end: { type: "final" },
  },
});
const input = { customer: "c-1042", lines: [1, 2, 3] };

/** Run both in turn, several times, and keep the best round of each. */
export async function benchKernel(): Promise<KernelBench> {
  let kernelMs = Infinity;
  let stockMs = Infinity;
  for (let round = 0; round < rounds; round++) {
    kernelMs = Math.min(kernelMs, cpuMsOf(kernelJob));
    stockMs = Math.min(stockMs, cpuMsOf(stockJob));
    // Lets the collector and the timers of the process have their turn between rounds.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const steps = jobsPerRound * stepsPerJob;
  return {
    kernelStepsPerSecond: Math.round((steps / kernelMs) * 1000),
    stockStepsPerSecond: Math.round((steps / stockMs) * 1000),
    ratio: stockMs / kernelMs,
    kernelBytes: kernelJob(0),
    stockBytes: stockJob(),
  };
}

/** Steps of stock XState in a second of CPU time: the yardstick of a machine. */
export function stockStepsPerSecond(): number {
  const best = Math.min(...Array.from({ length: 3 }, () => cpuMsOf(stockJob)));
  return (jobsPerRound * stepsPerJob * 1000) / best;
}

function cpuMsOf(job: (index: number) => number): number {
  const before = process.cpuUsage();
  for (let index = 0; index < jobsPerRound; index++) job(index);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** @returns the length of the first envelope. */
function kernelJob(index: number): number {
  const origin = { jobId: `0_${index}`, blueprint: "bench", version: "1", shape: "s" };
  const at = { now: 1_700_000_000_000, epoch: "1" };
  const first = start(machine, origin, input, at);
  let text = encodeEnvelope(first.envelope);
  const bytes = text.length;
  let effects = first.effects;
  for (let done = 1; done < stepsPerJob; done++) {
    const { child, generation } = effects.find(isStart)!;
    const message = { type: "done", child, generation, output: { ok: true } } as const;
    const result = step(machine, decodeEnvelope(text), message, at);
    if (result.outcome !== "stepped") throw new Error("The kernel ignored a result");
    text = encodeEnvelope(result.envelope);
    effects = result.effects;
  }
  if (decodeEnvelope(text).status !== "done") throw new Error("The kernel's job is not done");
  return bytes;
}

const isStart = (effect: Effect): effect is Effect & { type: "start_child" } =>
  effect.type === "start_child";

/** @returns the length of the first snapshot. */
function stockJob(): number {
  const [first] = initialTransition(machine, input);
  let text = JSON.stringify(machine.getPersistedSnapshot(first));
  const bytes = text.length;
  for (const child of ["a", "b", "c"]) {
    const snapshot = createActor(machine, { input, snapshot: JSON.parse(text) }).getSnapshot();
    const event = { type: `xstate.done.actor.${child}`, output: { ok: true }, actorId: child };
    const [next] = transition(machine, snapshot, event);
    text = JSON.stringify(machine.getPersistedSnapshot(next));
  }
  if (!text.startsWith('{"status":"done"')) throw new Error("The stock job is not done");
  return bytes;
}

/** The figures as lines for people. */
export function kernelText(found: KernelBench): string {
  return [
    `kernel ${found.kernelStepsPerSecond} steps/s, ${found.kernelBytes} bytes`,
    `stock  ${found.stockStepsPerSecond} steps/s, ${found.stockBytes} bytes`,
    `ratio  ${found.ratio.toFixed(2)}`,
  ].join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  process.stdout.write(`${kernelText(await benchKernel())}\n`);
