// A job that begins where another one was is what that one was, but for the names of what runs.
import { expect, test } from "vitest";
import { assign, initialTransition, type AnyStateMachine } from "xstate";
import { decodeEnvelope, encodeEnvelope } from "../../../src/actor/codec.ts";
import type { Message } from "../../../src/actor/effect.ts";
import type { Envelope } from "../../../src/actor/envelope.ts";
import { Replay } from "../../../src/actor/replay.ts";
import { restart } from "../../../src/actor/begin-again.ts";
import { ActorJob, at, machineOf, origin } from "../../support/actor-job.ts";
import { eventTypes } from "../../support/random-actions.ts";
import { randomMachine } from "../../support/random-machine.ts";
import { seededRandom, type Random } from "../../support/random.ts";

const machines = 40;
const inputsMax = 15;
const again = { ...origin, jobId: "0_again" };

/** A random job with the messages that it has taken. */
function lived(random: Random, machine: AnyStateMachine) {
  const job = new ActorJob(machine, {});
  const entries: { now: number; epoch: string; message: Message }[] = [
    { now: job.now, epoch: job.epoch, message: { type: "start", input: {} } },
  ];
  for (let input = 0; input < inputsMax && job.envelope.status === "active"; input++) {
    job.now += 1 + random.below(500);
    const message = nextMessage(random, job.envelope);
    if (job.take(message).outcome === "stepped")
      entries.push({ now: job.now, epoch: job.epoch, message });
  }
  return { job, entries };
}

function nextMessage(random: Random, { children, timers }: Envelope): Message {
  const open = Object.entries(children).filter(([, { settled }]) => !settled);
  const due = Object.entries(timers).flatMap(([timer, list]) =>
    list.map(({ generation }) => ({ type: "timer", timer, generation }) as const),
  );
  if (open.length > 0 && random.chance(0.3)) {
    const [child, { generation }] = open[random.below(open.length)]!;
    return { type: "done", child, generation, output: random.below(3) };
  }
  if (due.length > 0 && random.chance(0.3)) return due[random.below(due.length)]!;
  return { type: "event", event: { type: eventTypes[random.below(eventTypes.length)]! } };
}

/** Without the names that differ: those of generations, and moments in place of what is left of a delay. */
function comparable(
  { value, context, history, deferred, children, timers }: Envelope,
  now: number,
) {
  return {
    value,
    context,
    history,
    deferred,
    children: Object.fromEntries(
      Object.entries(children).map(([id, { src, settled, systemId, wantsProgress }]) => [
        id,
        { src, settled, systemId, wantsProgress },
      ]),
    ),
    timers: Object.values(timers)
      .flat()
      .filter(({ target }) => target.kind === "self")
      .map(({ event, due }) => `${event.type} in ${Math.max(0, due - now)}`)
      .toSorted(),
  };
}

test(`jobs of ${machines} random machines begin again after each of their revisions as they were`, () => {
  let moments = 0;
  let timers = 0;
  for (let seed = 1; seed <= machines; seed++) {
    const random = seededRandom(seed);
    const machine = randomMachine(random, () => {});
    const { job, entries } = lived(random, machine);
    const replay = new Replay(machine, origin);
    for (const entry of entries) {
      replay.take(entry);
      const base = decodeEnvelope(encodeEnvelope(replay.envelope));
      if (base.status !== "active" || base.ending !== undefined) continue;
      const message: Message & { type: "restart" } = {
        type: "restart",
        from: { jobId: base.jobId, revision: base.revision },
        envelope: encodeEnvelope(base),
        takenAt: entry.now,
        started: replay.started,
        by: "the test",
      };
      const at = { now: 1_000_000, epoch: "2" };
      const { envelope, effects } = restart(machine, again, message, at);
      expect(comparable(envelope, at.now), `seed ${seed}`).toEqual(comparable(base, entry.now));
      const running = Object.values(base.children).filter(({ settled }) => !settled).length;
      const starts = effects.filter(({ type }) => type === "start_child");
      expect(starts, `seed ${seed}`).toHaveLength(running);
      expect(effects.filter(({ type }) => type === "stop_child")).toEqual([]);
      for (const child of Object.values(envelope.children))
        if (!child.settled) expect(child.generation).toMatch(/^0_again:2\.1\./);
      moments++;
      timers += Object.keys(base.timers).length;
    }
    expect(encodeEnvelope(replay.envelope)).toBe(job.text);
  }
  expect(moments).toBeGreaterThan(machines);
  expect(timers).toBeGreaterThan(machines);
});

/** Moves on by itself where `n` is large, and has an answer to whatever it is sent. */
const answeringWith = (wildcard: string, inside: object) =>
  machineOf({
    context: ({ input }: { input?: { n: number } }) => ({ n: input?.n ?? 0, trace: [] }),
    initial: "small",
    on: { [wildcard]: { actions: traced("root") } },
    states: {
      small: {
        ...inside,
        on: { [wildcard]: "answered" },
        always: { guard: isAbove(5), target: "middle", actions: traced("middle") },
      },
      middle: { always: { guard: isAbove(9), target: "large", actions: traced("large") } },
      large: { type: "final" },
      answered: {},
    },
  });
interface Traced {
  readonly n: number;
  readonly trace: readonly string[];
}
const isAbove = (least: number) =>
  (({ context }: { context: Traced }) => context.n > least) as never;
const traced = (name: string) =>
  assign({
    trace: (({ context }: { context: Traced }) => [...context.trace, name]) as never,
  });

const inside = {
  initial: "one",
  states: { one: { on: { "*": "two" }, always: { guard: isAbove(7), target: "two" } }, two: {} },
};

test.each(
  ["*", "avtomatika.*", "xstate.*", "GO"].flatMap((wildcard) =>
    [0, 6, 8, 10].flatMap((n) => [
      { wildcard, n, shape: "flat", within: {} },
      { wildcard, n, shape: "nested", within: inside },
    ]),
  ),
)(
  "a $shape job with an answer to $wildcard and $n in its context goes on from there as one that enters there",
  ({ wildcard, n, within }) => {
    const machine = answeringWith(wildcard, within);
    const job = new ActorJob(machine);
    expect(job.context).toMatchObject({ n: 0, trace: [] });
    const [entered] = initialTransition(machine, { n });
    const edited = encodeEnvelope({ ...job.envelope, context: { n, trace: [] } });
    const like = {
      status: entered.status,
      value: entered.value as unknown,
      context: entered.context as unknown,
    };
    const { envelope } = restart(
      machine,
      again,
      {
        type: "restart",
        from: { jobId: "0_job", revision: 1 },
        envelope: edited,
        takenAt: 0,
        started: {},
        by: "the test",
      },
      at,
    );
    expect(envelope).toMatchObject(like);
    const from = { version: "0", shape: "s" };
    job.take({ type: "migrate", from, envelope: edited, keeps: [], begins: [], by: "the test" });
    expect(job.envelope).toMatchObject(like);
  },
);
