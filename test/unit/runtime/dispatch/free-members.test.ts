// Whom a pool chooses, held against a plain look at every worker, whatever has happened to them before.
import fc from "fast-check";
import { expect, test } from "vitest";
import { compareBy, type Candidate } from "../../../../src/runtime/dispatch/choose.ts";
import { queueOf, specOf, type QueueSpec } from "../../../../src/runtime/dispatch/queue.ts";
import {
  noOutcomes,
  noted,
  reputationOf,
  type Outcomes,
} from "../../../../src/runtime/dispatch/reputation.ts";
import {
  candidate,
  memberLack,
  roomFor,
  slotsAt,
} from "../../../../src/runtime/dispatch/suitability.ts";
import {
  WorkerPool,
  type Member,
  type TypePool,
  type WorkerSession,
} from "../../../../src/runtime/worker-pool.ts";

const softLimit = 2;
const strategies = [
  "default",
  "round_robin",
  "least_connections",
  "cheapest",
  "best_value",
  "overflow",
] as const;
const asked: readonly Omit<QueueSpec, "type">[] = [
  ...strategies.map((strategy) => ({ strategy })),
  ...strategies.map((strategy) => ({ strategy, requirements: { labels: { zone: "x" } } })),
  { slots: 2 },
  { maxCost: 1 },
  { limit: { key: "k", concurrency: 1 } },
  { requirements: { installed_models: ["m"] } },
];
const types = ["a", "b"];
const queues = types.flatMap((type) => asked.map((one) => queueOf({ type, ...one })));

class Session implements WorkerSession {
  readonly holder: string;
  readonly workerId: string;
  readonly types: Map<string, number | undefined>;
  readonly pools: TypePool[] = [];
  asking?: number;

  constructor(name: string, offered: readonly string[]) {
    this.holder = name;
    this.workerId = name;
    this.types = new Map(offered.map((type) => [type, undefined]));
  }
  push(): void {}
  cancel(): void {}
}

/** The rules as they stand: all workers of a type in the order in which they offered it, and the first of the best. */
class Plain {
  readonly byType = new Map<string, Set<Member>>();
  readonly outcomes = new Map<string, Outcomes>();
  now = 0;

  list(member: Member): void {
    for (const type of member.session.types.keys())
      this.byType.set(type, (this.byType.get(type) ?? new Set()).add(member));
  }
  unlist(member: Member): void {
    for (const members of this.byType.values()) members.delete(member);
  }

  candidates(queue: string): readonly Member[] {
    const spec = specOf(queue);
    const compare = compareBy(spec.strategy, softLimit);
    const choices: { readonly member: Member; readonly as: Candidate }[] = [];
    for (const member of this.byType.get(spec.type) ?? []) {
      if (roomFor(member, queue) === 0 || memberLack(member, queue) !== undefined) continue;
      const outcomes = this.outcomes.get(member.session.workerId);
      const isRated = spec.strategy === "best_value" && outcomes;
      const reputation = isRated ? reputationOf(outcomes, this.now) : 1;
      choices.push({ member, as: candidate(member, spec, reputation) });
    }
    return choices.toSorted((x, y) => compare(x.as, y.as)).map(({ member }) => member);
  }
}

const few = fc.nat(3);
const who = fc.nat(7);
const seldom = fc.nat(5).map((number) => number === 0);
const type = fc.constantFrom(...types);
const queue = fc.constantFrom(...queues);
const action = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("add" as const),
      who,
      types: fc.subarray(types, { minLength: 1 }),
      credits: few,
      cost: few,
      hot: fc.subarray(["a", "m"]),
      isAsking: seldom,
      hasPool: seldom,
      isDraining: seldom,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("reserve" as const), queue, keep: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("finish" as const), who }) },
  fc.record({ do: fc.constant("remove" as const), who }),
  fc.record({ do: fc.constant("credits" as const), who, credits: few }),
  fc.record({
    do: fc.constant("limit" as const),
    who,
    type,
    limit: fc.option(few, { nil: undefined }),
  }),
  fc.record({ do: fc.constant("ask" as const), who, asking: few }),
  fc.record({ do: fc.constant("drain" as const), who, isDraining: fc.boolean() }),
  fc.record({ do: fc.constant("ignored" as const), who, times: fc.constantFrom(0, 1, 3) }),
  fc.record({
    do: fc.constant("save" as const),
    who,
    what: fc.constantFrom("nothing", "last", "other"),
  }),
  fc.record({
    do: fc.constant("describe" as const),
    who,
    cost: few,
    hot: fc.subarray(["b", "m"]),
    zone: fc.constantFrom("x", "y"),
    more: fc.subarray(types),
  }),
  fc.record({ do: fc.constant("outcome" as const), who, isGood: fc.boolean() }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.nat(3_600_000) }),
);

test("the best choice, all choices in their order, and whether there is any, are those of a plain look", () => {
  fc.assert(
    fc.property(fc.array(action, { minLength: 5, maxLength: 80 }), queue, (actions, last) => {
      const plain = new Plain();
      const pool = new WorkerPool(() => plain.now, softLimit);
      const members = new Map<number, Member>();
      let attempts = 0;
      const compare = (one: string): void => {
        const expected = plain.candidates(one);
        const names = (list: readonly Member[]) => list.map(({ session }) => session.workerId);
        expect(names(pool.candidates(one))).toEqual(names(expected));
        expect(names(pool.candidates(one, 1))).toEqual(names(expected.slice(0, 1)));
        expect(pool.hasFree(one)).toBe(expected.length > 0);
        for (const member of members.values())
          expect(pool.hasFree(one, member)).toBe(expected.some((other) => other !== member));
      };
      for (const step of actions) {
        const member = "who" in step ? members.get(step.who) : undefined;
        switch (step.do) {
          case "add": {
            const session = new Session(`w${step.who}`, step.types);
            if (step.isAsking) session.asking = step.credits;
            if (step.hasPool) session.pools.push({ types: new Set(["a"]), limit: 1 });
            const description = { workerType: "w", labels: {}, resources: {}, hotCache: step.hot };
            if (member) plain.unlist(member);
            const added = pool.add(
              session,
              {
                ...description,
                costPerSecond: step.cost,
                credits: step.credits,
                draining: step.isDraining,
                running: [],
                outbox: [],
              },
              0,
            );
            members.set(step.who, added);
            plain.list(added);
            break;
          }
          case "remove":
            if (!member) break;
            plain.unlist(member);
            pool.remove(member.session);
            members.delete(step.who);
            break;
          case "reserve": {
            const expected = plain.candidates(step.queue)[0];
            const got = pool.reserve(step.queue);
            expect(got?.session.workerId).toBe(expected?.session.workerId);
            if (!got || step.keep) break;
            const spec = specOf(step.queue);
            pool.giveBack(got, slotsAt(got, spec), spec.type);
            const taskId = `t${attempts++}`;
            const running = { taskId, attempt: 1, jobId: "j", child: "c", wantsProgress: false };
            pool.run(got, { ...running, type: spec.type, queue: step.queue });
            break;
          }
          case "finish": {
            const [running] = member?.running.values() ?? [];
            if (member && running) pool.finish(member, running);
            break;
          }
          case "credits":
            if (member) member.credits = step.credits;
            break;
          case "limit":
            // As a session does it: what it offers changes, and its credits are said again.
            if (!member?.session.types.has(step.type)) break;
            (member.session as Session).types.set(step.type, step.limit);
            member.credits = Number(member.credits);
            break;
          case "ask":
            // Polls come and go without a word.
            if (member?.session.asking !== undefined)
              (member.session as Session).asking = step.asking;
            break;
          case "drain":
            if (member) member.draining = step.isDraining;
            break;
          case "ignored":
            if (member) member.ignored = step.times;
            break;
          case "save":
            if (!member) break;
            member.savingFor = { nothing: undefined, last, other: queues[0] }[step.what];
            break;
          case "describe": {
            if (!member) break;
            const session = member.session as Session;
            for (const more of step.more)
              if (!session.types.has(more)) session.types.set(more, undefined);
            const { hot, cost, zone } = step;
            pool.describe(session, { hotCache: hot, costPerSecond: cost, labels: { zone } });
            plain.list(member);
            break;
          }
          case "outcome": {
            const workerId = `w${step.who}`;
            const before = plain.outcomes.get(workerId) ?? noOutcomes;
            plain.outcomes.set(workerId, noted(before, step.isGood, plain.now));
            pool.noteOutcome(workerId, step.isGood);
            break;
          }
          case "wait":
            plain.now += step.ms;
        }
        compare(last);
      }
      for (const one of queues) compare(one);
    }),
    { numRuns: 500 },
  );
});
