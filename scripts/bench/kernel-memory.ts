// Whether the kernel's memory stays flat: under event types that nobody knows, and under ids that never come again.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { assign, fromPromise, setup, spawnChild, stopChild, type AnyStateMachine } from "xstate";
import { encodeEnvelope, openEnvelope } from "../../src/actor/codec.ts";
import type { Envelope } from "../../src/actor/envelope.ts";
import { start, step, type StepResult } from "../../src/actor/step.ts";

/** The heap may grow by this much between the first tenth of a run and its end. */
const growthMaxBytes = 4_000_000;

interface Growth {
  readonly what: string;
  readonly steps: number;
  readonly bytes: number;
}

/** @throws Error where the heap grew by more than 4 MB. */
export function benchFlat(unknownTypes: number, uniqueSteps: number): string {
  const found = [
    grow("unknown event types", unknownTypes, unknownType(plain)),
    grow("unknown event types, taken by a wildcard", unknownTypes, unknownType(curious)),
    grow("steps of jobs and children with ids of their own", uniqueSteps, uniqueJob),
  ];
  const leaks = found.filter(({ bytes }) => bytes > growthMaxBytes);
  const text = found.map(({ what, steps, bytes }) => {
    return `${steps} ${what}: the heap grew by ${(bytes / 1000).toFixed(0)} KB`;
  });
  if (leaks.length > 0) throw new Error(`The kernel's memory grows:\n${text.join("\n")}`);
  return text.join("\n");
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function grow(what: string, steps: number, act: (index: number) => number): Growth {
  let taken = 0;
  let before = 0;
  for (let index = 0; taken < steps; index++) {
    taken += act(index);
    if (before === 0 && taken >= steps / 10) before = heapBytes();
  }
  return { what, steps: taken, bytes: heapBytes() - before };
}

function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const at = { now: 1_700_000_000_000, epoch: "1" };
const origin = { blueprint: "bench", version: "1", shape: "s" };

const plain = setup({}).createMachine({
  initial: "a",
  states: { a: { on: { KNOWN: "b" } }, b: { on: { "known.*": "a" } } },
});
const curious = setup({ types: { context: {} as { seen: number } } }).createMachine({
  context: { seen: 0 },
  initial: "a",
  states: { a: { initial: "x", states: { x: {}, y: {} } } },
  on: { "*": { actions: assign({ seen: ({ context }) => context.seen + 1 }) } },
});

function unknownType(machine: unknown): (index: number) => number {
  const first = start(machine as AnyStateMachine, { ...origin, jobId: "0_job" }, undefined, at);
  let text = encodeEnvelope(first.envelope);
  return (index) => {
    const event = { type: `unheard.of.${index}` };
    const envelope = openEnvelope(text);
    const result = step(machine as AnyStateMachine, envelope, { type: "event", event }, at);
    if (result.outcome === "stepped") text = encodeEnvelope(result.envelope);
    return 1;
  };
}

const named = ({ event }: { readonly event: { readonly type: string } }): string =>
  (event as { readonly type: string; readonly id: string }).id;

/** It names its children after what it is told, so that completions have event types of their own. */
const naming = setup({
  actors: { work: fromPromise(() => Promise.resolve()) },
}).createMachine({
  initial: "a",
  states: {
    a: { after: { 60_000: "late" }, on: { "xstate.done.actor.*": { target: "a", reenter: true } } },
    late: {},
  },
  on: {
    SPAWN: { actions: spawnChild("work", { id: named }) },
    STOP: { actions: stopChild(named) },
  },
} as never) as unknown as AnyStateMachine;

function uniqueJob(index: number): number {
  const id = `child-${index}`;
  const first = start(naming, { ...origin, jobId: `0_${index}` }, undefined, at);
  let text = encodeEnvelope(first.envelope);
  const take = (message: Parameters<typeof step>[2]): Envelope => {
    const result: StepResult = step(naming, openEnvelope(text), message, at);
    if (result.outcome !== "stepped") throw new Error(`The kernel ignored ${message.type}`);
    text = encodeEnvelope(result.envelope);
    return result.envelope;
  };
  const { children } = take({ type: "event", event: { type: "SPAWN", id } });
  take({ type: "done", child: id, generation: children[id]!.generation, output: index });
  take({ type: "event", event: { type: "STOP", id } });
  return 4;
}
