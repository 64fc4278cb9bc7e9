// Random calls of a store, rough: which revision and attempt is current, and what time it is, is filled in later.
import fc from "fast-check";
import type { JobStatus } from "../../src/store/records.ts";

export const jobIds = ["j1", "j2", "j10"];
export const queueNames = ["q1", "q2", "q2\n{}"];
const statuses = ["running", "waiting_for_worker", "finished"] satisfies JobStatus[];
const blueprints = ["b1", "b2"];

const jobId = fc.constantFrom(...jobIds);
const name = fc.constantFrom("a", "b", "c");
const taskId = fc.tuple(jobId, name).map(([job, child]) => `${job}:${child}`);
const queue = fc.constantFrom(...queueNames);
const holder = fc.constantFrom("h1", "h2");
const status = fc.constantFrom(...statuses);
const blueprint = fc.constantFrom(...blueprints);
const ms = fc.constantFrom(0, 5, 10, 30);
/** How far from what is right: mostly not at all. */
const off = fc.constantFrom(0, 0, 0, 0, 0, 1, -1);

const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
const is = <Name extends string>(text: Name) => fc.constant(text);
const often = <Value>(weight: number, arbitrary: fc.Arbitrary<Value>) => ({ weight, arbitrary });

const opOn = (child: fc.Arbitrary<string>, finishing: number) =>
  fc.oneof(
    often(
      4,
      fc.record({
        op: is("add_task"),
        name: child,
        queue,
        priority: fc.constantFrom(0, 5, 9),
        queueTimeoutMs: maybe(ms),
        totalTimeoutMs: maybe(ms),
        limit: maybe(fc.record({ key: name, concurrency: maybe(fc.constantFrom(1, 2)) })),
        holder: maybe(holder),
      }),
    ),
    often(finishing, fc.record({ op: is("finish_task"), name: child, off, lapsed: fc.boolean() })),
    fc.record({ op: is("remove_task"), name: child }),
    fc.record({ op: is("set_timer"), timerId: name, dueInMs: ms }),
    fc.record({ op: is("clear_timer"), timerId: name }),
    fc.record({ op: is("add_message"), id: name, dueInMs: ms }),
    fc.record({ op: is("keep_until"), dueInMs: ms }),
    fc.record({ op: is("keep") }),
  );
const op = opOn(name, 2);
/** Redis writes many ops in another way than few. Fewer of them finish a task: one that is fenced undoes them all. */
const manyOps = fc.array(opOn(fc.constantFrom("a", "b", "c", "d", "e", "f"), 1), {
  minLength: 4,
  maxLength: 12,
});
export type RoughOp = Drawn<typeof op>;

/** Writes are applied in the order of the calls, also when they are made at once. */
const write = fc.oneof(
  often(
    6,
    fc.record({
      call: is("commit"),
      jobId,
      off,
      steps: fc.constantFrom(1, 1, 2),
      status,
      blueprint,
      ops: fc.oneof(often(3, fc.array(op, { maxLength: 4 })), manyOps),
    }),
  ),
  often(
    3,
    fc.record({
      call: is("claimTasks"),
      queues: fc.uniqueArray(
        fc.record({ queue, limit: fc.nat(2), slots: fc.constantFrom(1, 1, 2), lane: fc.nat(1) }),
        { selector: (asked) => asked.queue },
      ),
      limit: fc.nat(4),
      ageMs: maybe(fc.constantFrom(1, 4, 10)),
      holder,
      leaseMs: ms,
    }),
  ),
  often(
    3,
    fc.record({
      call: is("extendLeases"),
      extensions: fc.array(
        fc.record({
          taskId,
          off,
          holder,
          progress: maybe(fc.nat(9)),
          checkpoint: maybe(fc.nat(9)),
        }),
        {
          maxLength: 3,
        },
      ),
    }),
  ),
  often(
    3,
    fc.record({
      call: is("requeueTask"),
      taskId,
      off,
      delayMs: ms,
      settle: fc.boolean(),
      counts: fc.boolean(),
      lapsed: fc.boolean(),
    }),
  ),
  fc.record({ call: is("clearTimer"), jobId, timerId: name }),
  fc.record({ call: is("removeMessages"), ids: fc.array(name, { maxLength: 2 }) }),
  fc.record({ call: is("delayMessage"), id: name, dueInMs: ms }),
  fc.record({ call: is("claimMessage"), id: name, agoMs: ms, dueInMs: ms }),
  fc.record({ call: is("removeJob"), jobId, off: maybe(off) }),
  fc.record({ call: is("claimOutlived"), jobIds: fc.uniqueArray(jobId), forMs: ms }),
  fc.record({ call: is("copyJob"), from: jobId, to: jobId }),
);

/** Reads see what is durable when they are made, and some calls are several steps, so they are made alone. */
const alone = fc.oneof(
  often(3, fc.record({ call: is("due"), limit: fc.constantFrom(1, 2, 100) })),
  often(3, fc.record({ call: is("advance"), ms })),
  fc.record({
    call: is("listJobs"),
    limit: fc.nat(3),
    blueprint: maybe(blueprint),
    status: maybe(status),
  }),
  fc.record({ call: is("look"), jobId }),
  // A key is kept for as long as it was claimed for; those that are kept for their jobs are in key-cases.ts, because jobs
  // come and go here, and when a key is forgotten whose job is gone is up to the store.
  fc.record({ call: is("claimKey"), key: name, jobId, forMs: fc.constant(1_000_000) }),
  fc.record({
    call: is("claimKey"),
    key: name,
    jobId: fc.constantFrom("gone1", "gone2"),
    forMs: fc.integer({ min: 1, max: 60 }),
  }),
  fc.record({ call: is("listKeys"), limit: fc.constantFrom(1, 2, 9) }),
);
export type RoughCall = Drawn<typeof write> | Drawn<typeof alone>;

/** Groups of calls, one group after the other; the calls of one group are made at once. */
export const roughCalls: fc.Arbitrary<readonly (readonly RoughCall[])[]> = fc.array(
  fc.oneof(
    often(2, fc.array(write, { minLength: 1, maxLength: 3 })),
    alone.map((call) => [call]),
  ),
  { minLength: 5, maxLength: 20 },
);

type Drawn<Source> = Source extends fc.Arbitrary<infer Value> ? Value : never;
