// The workers that this node can push to: their capacity, and what each runs. No sockets here.
import type { TimerHandle } from "../clock.ts";
import type { StoredTask } from "../store/records.ts";
import type { Attempt } from "../store/store.ts";
import type { TaskProgress, WorkerIntroduction } from "./runtime.ts";

// What a session is spoken to about, so that the edges need not know the store.
export type { Attempt, StoredTask };

/** Types that share an allowance of tasks at once. */
export interface TypePool {
  readonly types: ReadonlySet<string>;
  readonly limit: number;
}

/** One connected worker. The gateway implements it for a socket, the runtime itself for promises of this node. */
export interface WorkerSession {
  /** Names this worker process over its reconnections; it is the `holder` of the leases. */
  readonly holder: string;
  readonly workerId: string;
  /** Task type → most at once now; undefined where only the total counts. The types stay as they are. */
  readonly types: ReadonlyMap<string, number | undefined>;
  readonly pools?: readonly TypePool[];
  /** How long its leases last, in milliseconds, where other than `RuntimeLimits.leaseMs`. */
  readonly leaseMs?: number;
  /** Of a worker that asks for each of its tasks: how many it asks for now. Its credits are only shown, then. */
  readonly asking?: number;
  /** Hand over a task whose lease is durable. */
  push(task: StoredTask, leaseMs: number): void;
  /** Tell the worker to stop an attempt; its slot stays counted until the worker answers. */
  cancel(attempt: Attempt, reason: string, graceMs: number): void;
}

/** What lists of workers show. */
export interface WorkerView {
  readonly workerId: string;
  readonly workerType: string;
  readonly types: readonly string[];
  readonly maxConcurrentTasks: number;
  readonly running: number;
  readonly status: "idle" | "busy" | "draining";
  readonly connectedAt: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: Readonly<Record<string, unknown>>;
  readonly costPerSecond?: number;
  readonly installedModels?: readonly unknown[];
  /** What it has loaded and would do at once. */
  readonly hotCache?: readonly string[];
}

/** An attempt that a session of this node runs. */
export interface Running extends Attempt {
  readonly jobId: string;
  readonly child: string;
  readonly type: string;
  readonly wantsProgress: boolean;
  progress?: TaskProgress;
  /** Ends the attempt when it has run for too long. */
  deadline?: TimerHandle;
}

/** A worker that ignores this many pushes in a row gets no more before it has answered something. */
const ignoredMax = 3;

/** The present attempt of a task. */
export function runningAttempt(task: StoredTask): Running {
  const { taskId, attempt, jobId, child, type, wantsProgress = false } = task;
  return { taskId, attempt, jobId, child, type, wantsProgress };
}

/** A session with its books: what it may take and what it has. */
export interface Member {
  readonly session: WorkerSession;
  introduction: WorkerIntroduction;
  readonly connectedAt: number;
  credits: number;
  draining: boolean;
  /** Slots promised to a commit or claim that is under way, by task type. */
  readonly reserved: Map<string, number>;
  readonly running: Map<string, Running>;
  /** A claim for this member is under way. */
  claiming: boolean;
  /** Pushed attempts in a row that it did not accept in time. */
  ignored: number;
}

export class WorkerPool {
  readonly #members = new Map<string, Member>();
  readonly #byType = new Map<string, Set<Member>>();
  readonly #owners = new Map<string, Member>();

  /** Take in a session; returns the one it replaces, if its holder was already here. */
  add(session: WorkerSession, introduction: WorkerIntroduction, connectedAt: number): Member {
    const before = this.#members.get(session.holder);
    if (before) this.remove(before.session);
    const member: Member = {
      session,
      introduction,
      connectedAt,
      credits: introduction.credits,
      draining: introduction.draining,
      reserved: new Map(),
      running: new Map(),
      claiming: false,
      ignored: 0,
    };
    this.#members.set(session.holder, member);
    for (const type of session.types.keys()) {
      const members = this.#byType.get(type) ?? new Set();
      this.#byType.set(type, members.add(member));
    }
    return member;
  }

  /** Forget a session. Its attempts stay leased in the store. */
  remove(session: WorkerSession): void {
    const member = this.of(session);
    if (!member) return;
    this.#members.delete(session.holder);
    for (const type of session.types.keys()) {
      const members = this.#byType.get(type);
      members?.delete(member);
      if (members?.size === 0) this.#byType.delete(type);
    }
    for (const [taskId, { deadline }] of member.running) {
      deadline?.cancel();
      if (this.#owners.get(taskId) === member) this.#owners.delete(taskId);
    }
  }

  /** The member of exactly this session: undefined once another connection has taken its place. */
  of(session: WorkerSession): Member | undefined {
    const member = this.#members.get(session.holder);
    return member?.session === session ? member : undefined;
  }

  /** Whether the member's session is still the one of its holder. */
  has(member: Member): boolean {
    return this.of(member.session) === member;
  }

  members(): Iterable<Member> {
    return this.#members.values();
  }

  /** The member that runs the task, if one of this node does. */
  owner(taskId: string): Member | undefined {
    return this.#owners.get(taskId);
  }

  /** How many more tasks of a type a member may take now. */
  free(member: Member, type: string): number {
    if (member.draining || member.ignored >= ignoredMax) return 0;
    let total = member.session.asking ?? member.credits - member.running.size;
    for (const count of member.reserved.values()) total -= count;
    for (const { types, limit } of member.session.pools ?? [])
      if (types.has(type)) total = Math.min(total, limit - taken(member, types));
    const limit = member.session.types.get(type);
    if (limit === undefined || total <= 0) return Math.max(0, total);
    return Math.max(0, Math.min(total, limit - taken(member, new Set([type]))));
  }

  /** How many tasks of all these types together a member may take now. */
  freeOf(member: Member, types: readonly string[]): number {
    const most = Math.max(...types.map((type) => this.free(member, type)));
    const sharing = (member.session.pools ?? []).filter(
      (pool) => types.filter((type) => pool.types.has(type)).length > 1,
    );
    return Math.min(most, ...sharing.map((pool) => pool.limit - taken(member, pool.types)));
  }

  /** Promise a slot to a task that is about to be leased: the least loaded worker of its type, if any is free. */
  reserve(type: string): Member | undefined {
    let best: Member | undefined;
    let bestFree = 0;
    for (const member of this.#byType.get(type) ?? []) {
      const free = this.free(member, type) / member.credits;
      if (free > bestFree) [best, bestFree] = [member, free];
    }
    if (best) this.hold(best, type, 1);
    return best;
  }

  /** Whether any member could take a task of this type now. */
  hasFree(type: string): boolean {
    for (const member of this.#byType.get(type) ?? []) if (this.free(member, type) > 0) return true;
    return false;
  }

  hold(member: Member, type: string, count: number): void {
    member.reserved.set(type, (member.reserved.get(type) ?? 0) + count);
  }
  giveBack(member: Member, type: string, count: number): void {
    const left = (member.reserved.get(type) ?? 0) - count;
    if (left > 0) member.reserved.set(type, left);
    else member.reserved.delete(type);
  }

  /** Note an attempt that a member now runs. */
  run(member: Member, running: Running): void {
    member.running.set(running.taskId, running);
    this.#owners.set(running.taskId, member);
  }

  /** Free the slot of an attempt. Later attempts of the same task stay. */
  finish(member: Member, { taskId, attempt }: Attempt): void {
    const running = member.running.get(taskId);
    if (running?.attempt !== attempt) return;
    running.deadline?.cancel();
    member.running.delete(taskId);
    if (this.#owners.get(taskId) === member) this.#owners.delete(taskId);
  }

  list(): readonly WorkerView[] {
    return [...this.#members.values()].map(viewOf);
  }
}

/** How many slots of a member tasks of these types have, or have been promised. */
function taken({ reserved, running }: Member, types: ReadonlySet<string>): number {
  let count = 0;
  for (const type of types) count += reserved.get(type) ?? 0;
  for (const { type } of running.values()) if (types.has(type)) count++;
  return count;
}

function viewOf(member: Member): WorkerView {
  const { labels, resources, costPerSecond, installedModels, hotCache } = member.introduction;
  return {
    workerId: member.session.workerId,
    workerType: member.introduction.workerType,
    types: [...member.session.types.keys()],
    maxConcurrentTasks: member.credits,
    running: member.running.size,
    status: member.draining ? "draining" : member.running.size >= member.credits ? "busy" : "idle",
    connectedAt: member.connectedAt,
    labels,
    resources,
    ...(costPerSecond !== undefined && { costPerSecond }),
    ...(installedModels && { installedModels }),
    ...(hotCache && { hotCache }),
  };
}
