// Measures one step with JSON both ways, shape by shape: our kernel against stock XState, interleaved in one run.
import { createActor, initialTransition, transition } from "xstate";
import { encodeEnvelope, openEnvelope } from "../../src/actor/codec.ts";
import type { Message } from "../../src/actor/effect.ts";
import type { Envelope } from "../../src/actor/envelope.ts";
import { start, step } from "../../src/actor/step.ts";
import { shapes, type Shape } from "./kernel-shapes.ts";

export interface KernelBench {
  readonly shape: string;
  /** Steps per second of process CPU time: each decoded, stepped and encoded. */
  readonly kernelStepsPerSecond: number;
  readonly stockStepsPerSecond: number;
  /** How many times faster the kernel is. */
  readonly ratio: number;
  readonly isFastEnough: boolean;
  /** After the first step. */
  readonly kernelBytes: number;
  readonly stockBytes: number;
}

const rounds = 7;
/** How many times faster than stock XState the kernel is to be. */
const ratioMin = 1.7;

export async function benchKernel(): Promise<readonly KernelBench[]> {
  const found: KernelBench[] = [];
  for (const shape of shapes) found.push(await benchShape(shape));
  return found;
}

/** Run both in turn, several times, and keep the best round of each. */
async function benchShape(shape: Shape): Promise<KernelBench> {
  const { name, jobsPerRound, moves } = shape;
  let kernelMs = Infinity;
  let stockMs = Infinity;
  for (let round = 0; round < rounds; round++) {
    kernelMs = Math.min(
      kernelMs,
      cpuMsOf(jobsPerRound, () => kernelJob(shape)),
    );
    stockMs = Math.min(
      stockMs,
      cpuMsOf(jobsPerRound, () => stockJob(shape)),
    );
    // Lets the collector and the timers of the process have their turn between rounds.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const steps = jobsPerRound * (moves.length + 1);
  return {
    shape: name,
    kernelStepsPerSecond: Math.round((steps / kernelMs) * 1000),
    stockStepsPerSecond: Math.round((steps / stockMs) * 1000),
    ratio: stockMs / kernelMs,
    isFastEnough: stockMs / kernelMs >= ratioMin,
    kernelBytes: kernelJob(shape),
    stockBytes: stockJob(shape),
  };
}

/** Steps of stock XState in a second of CPU time, in the first shape: the yardstick of a machine. */
export function stockStepsPerSecond(): number {
  const [shape] = shapes;
  const { jobsPerRound, moves } = shape!;
  const rounds = Array.from({ length: 3 }, () => cpuMsOf(jobsPerRound, () => stockJob(shape!)));
  return (jobsPerRound * (moves.length + 1) * 1000) / Math.min(...rounds);
}

function cpuMsOf(jobs: number, job: () => number): number {
  const before = process.cpuUsage();
  for (let index = 0; index < jobs; index++) job();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** @returns the length of the first envelope. */
function kernelJob({ machine, input, moves }: Shape): number {
  const origin = { jobId: "0_job", blueprint: "bench", version: "1", shape: "s" };
  const at = { now: 1_700_000_000_000, epoch: "1" };
  let text = encodeEnvelope(start(machine, origin, input, at).envelope);
  const bytes = text.length;
  for (const move of moves) {
    const envelope = openEnvelope(text);
    const result = step(machine, envelope, messageOf(move, envelope), at);
    if (result.outcome !== "stepped") throw new Error("The kernel ignored a move");
    text = encodeEnvelope(result.envelope);
  }
  return bytes;
}

function messageOf({ event, done }: Shape["moves"][number], { children }: Envelope): Message {
  if (event !== undefined) return { type: "event", event: { type: event } };
  const child = done!;
  return {
    type: "done",
    child,
    generation: children[child]!.generation,
    output: { ok: true },
  };
}

/** @returns the length of the first snapshot. */
function stockJob({ machine, input, moves }: Shape): number {
  const [first] = initialTransition(machine, input);
  let text = JSON.stringify(machine.getPersistedSnapshot(first));
  const bytes = text.length;
  for (const { event, done } of moves) {
    const snapshot = createActor(machine, { input, snapshot: JSON.parse(text) }).getSnapshot();
    const completion = { type: `xstate.done.actor.${done}`, output: { ok: true }, actorId: done };
    const given = event === undefined ? completion : { type: event };
    const [next] = transition(machine, snapshot, given as never);
    text = JSON.stringify(machine.getPersistedSnapshot(next));
  }
  return bytes;
}

/** The figures as a table for people. */
export function kernelText(found: readonly KernelBench[]): string {
  const rows = found.map((one) => [
    one.shape,
    `${one.kernelStepsPerSecond}`,
    `${one.stockStepsPerSecond}`,
    one.ratio.toFixed(2),
    `${one.kernelBytes} / ${one.stockBytes}`,
  ]);
  const head = ["shape", "kernel steps/s", "stock steps/s", "ratio", "bytes, kernel / stock"];
  const widths = head.map((title, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]!.length), title.length),
  );
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
