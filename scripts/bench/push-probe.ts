// Loaded into a server of the bench before all else: notes when tasks are durable and when they are pushed, and what holds it up.
import { writeFileSync } from "node:fs";
import { constants, monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks";
import { WebSocket } from "ws";
import { Session } from "../../src/gateway/session.ts";
import type { Batch } from "../../src/store/embedded/batch.ts";
import { GroupCommit } from "../../src/store/embedded/group-commit.ts";

/** What is written to the file that `PUSH_PROBE` names, when the server ends. Times in milliseconds since 1970. */
export interface PushProbe {
  /** By the ids of the tasks that a worker got with the commit: when the commit was asked for, and when it was durable. */
  readonly commits: Readonly<Record<string, readonly [asked: number, durable: number]>>;
  readonly pushes: Readonly<Record<string, number>>;
  /** When each was handed to its socket. */
  readonly sends: Readonly<Record<string, number>>;
  /** Since the last SIGUSR2. */
  readonly loopDelayMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** The longest collection of garbage, young and old. */
  readonly collectionMs: { readonly young: number; readonly old: number };
}

const wallMs = (): number => performance.timeOrigin + performance.now();
const commits: Record<string, readonly [number, number]> = {};
const pushes: Record<string, number> = {};
const sends: Record<string, number> = {};
let collectionMs = { young: 0, old: 0 };

/* oxlint-disable typescript/unbound-method -- called with the `this` that they were called with */
const { write } = GroupCommit.prototype;
GroupCommit.prototype.write = async function <Answer>(apply: (batch: Batch) => Answer) {
  const at = wallMs();
  const answer = (await write.call(this, apply)) as Answer;
  const durable = wallMs();
  const { leased = [] } = (answer ?? {}) as { readonly leased?: readonly string[] };
  for (const taskId of leased) commits[taskId] = [at, durable];
  return answer;
};
const { push } = Session.prototype;
Session.prototype.push = function (task, leaseMs) {
  pushes[task.taskId] = wallMs();
  push.call(this, task, leaseMs);
};
const { send } = WebSocket.prototype;
WebSocket.prototype.send = function (this: WebSocket, ...said: Parameters<typeof send>) {
  const at = wallMs();
  for (const [, taskId] of (said[0] as string).matchAll(/"type":"task","task_id":"([^"]+)"/g))
    sends[taskId!] = at;
  send.apply(this, said);
} as typeof send;
/* oxlint-enable typescript/unbound-method */

const resolution = 1;
const delay = monitorEventLoopDelay({ resolution });
delay.enable();
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const { duration } = entry;
    const { kind } = (entry as unknown as { readonly detail: { readonly kind: number } }).detail;
    const age = kind === constants.NODE_PERFORMANCE_GC_MINOR ? "young" : "old";
    collectionMs[age] = Math.max(collectionMs[age], duration);
  }
}).observe({ entryTypes: ["gc"] });
process.on("SIGUSR2", () => {
  delay.reset();
  collectionMs = { young: 0, old: 0 };
});
process.on("exit", () => {
  const ms = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - resolution);
  const loopDelayMs = {
    p50: ms(delay.percentile(50)),
    p99: ms(delay.percentile(99)),
    max: ms(delay.max),
  };
  const probe: PushProbe = { commits, pushes, sends, loopDelayMs, collectionMs };
  writeFileSync(process.env["PUSH_PROBE"]!, JSON.stringify(probe));
});
