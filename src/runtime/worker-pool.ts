// The workers that this node can push to: their capacity, and what each runs. No sockets here.
import type { TimerHandle } from "../clock.ts";
import type { StoredTask } from "../store/records.ts";
import type { Attempt } from "../store/store.ts";
import { compareBy } from "./dispatch/choose.ts";
import { FreeMembers, order, type Choice } from "./dispatch/free-members.ts";
import { MemberBooks } from "./dispatch/member-books.ts";
import { specOf, type QueueSpec } from "./dispatch/queue.ts";
import { noOutcomes, noted, reputationOf, type Outcomes } from "./dispatch/reputation.ts";
import { candidate, memberLack, roomFor, slotsAt } from "./dispatch/suitability.ts";
import type { TaskProgress, WorkerDescription, WorkerIntroduction } from "./runtime.ts";
import { viewOf, type WorkerUsage, type WorkerView } from "./worker-view.ts";

// What a session is spoken to about, so that the edges need not know the store.
export type { Attempt, StoredTask };

/** Of workers that ask for each of their tasks, by their ids. A slash before any colon keeps holders of each kind apart. */
export const askingHolder = (workerId: string): string => `poll/${workerId}`;
/** Of a node, for the promises that it keeps itself. */
export const nodeHolder = (nodeId: string): string => `node/${nodeId}`;
/** Of one process of a worker. The first colon divides the two, whatever an instance calls itself. */
export const processHolder = (workerId: string, instanceId: string): string =>
  `${encodeURIComponent(workerId)}:${instanceId}`;

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
  /** Task type → most at once now; undefined where only the total counts. More may be added before `describe`. */
  readonly types: ReadonlyMap<string, number | undefined>;
  readonly pools?: readonly TypePool[];
  /** How long its leases last, in milliseconds, where other than `RuntimeLimits.leaseMs`. */
  readonly leaseMs?: number;
  /** Of a worker that asks for each of its tasks: how many it asks for now. Its credits are only shown, then. */
  readonly asking?: number;
  /** Hand over a task whose lease is durable. */
  push(task: StoredTask, leaseMs: number): void;
  /**
   * Take up an attempt of this holder whose lease has ended, where there is reason to think that the worker runs it. For
   * workers that do not say which attempts they run.
   */
  takeUp?(task: StoredTask): boolean;
  /** Tell the worker to stop an attempt; its slot stays counted until the worker answers. */
  cancel(attempt: Attempt, reason: string, graceMs: number): void;
}

/** An attempt that a session of this node runs. */
export interface Running extends Attempt {
  readonly jobId: string;
  readonly child: string;
  readonly type: string;
  readonly wantsProgress: boolean;
  readonly queue: string;
  progress?: TaskProgress;
  /** Ends the attempt when it has run for too long. */
  deadline?: TimerHandle;
}

/** Names an attempt in books: a worker that is silent about one may have been given the next one of the same task. */
export const attemptKey = ({ taskId, attempt }: Attempt): string => `${taskId}@${attempt}`;

/** The present attempt of a task. */
export function runningAttempt(task: StoredTask): Running {
  const { taskId, attempt, jobId, child, type, queue, wantsProgress = false } = task;
  return { taskId, attempt, jobId, child, type, queue, wantsProgress };
}

/** A session with its books: what it may take and what it has. */
export interface Member {
  readonly session: WorkerSession;
  introduction: WorkerIntroduction;
  readonly connectedAt: number;
  credits: number;
  draining: boolean;
  /** Slots promised to commits and claims that are under way, and how many tasks of each type as far as that is known. */
  reservedSlots: number;
  readonly reserved: Map<string, number>;
  /** By `attemptKey`: each has its slots until the worker answers for it, though a later one of its task has begun. */
  readonly running: Map<string, Running>;
  /** The slots that what it runs takes. */
  usedSlots: number;
  /** By queue: what it lacks for its tasks; nothing where that is empty. */
  readonly lacks: Map<string, string>;
  /** It begins nothing else until it has enough slots free for a task of this queue. */
  savingFor: string | undefined;
  /** Grows with each task that it is given. */
  turn: number;
  /** A claim for this member is under way. */
  claiming: boolean;
  /** Pushed attempts in a row that it did not accept in time. */
  ignored: number;
  /** As it said last. */
  usage?: WorkerUsage;
}

/** Where the latest attempt of a task runs. */
interface Run {
  readonly member: Member;
  readonly running: Running;
}

/** Workers whose outcomes are remembered, those that were heard of last. */
const outcomesMax = 10_000;

const isChoice = (member: Member, queue: string): boolean =>
  roomFor(member, queue) > 0 && memberLack(member, queue) === undefined;

export class WorkerPool {
  readonly #now: () => number;
  readonly #softLimit: number;
  #turns = 0;
  /** By the worker's id: what it has made of its tasks, over its reconnections. */
  readonly #outcomes = new Map<string, Outcomes>();
  readonly #members = new Map<string, Member>();
  readonly #byType = new Map<string, FreeMembers>();
  /** What their types have not been told of yet. */
  readonly #changed = new Set<Member>();
  /** By task: the latest attempt that a member of this node runs. */
  readonly #latest = new Map<string, Run>();

  /**
   * @param now a clock that only goes forward, in milliseconds
   * @param softLimit as in `RuntimeLimits`
   */
  constructor(now: () => number, softLimit: number) {
    this.#now = now;
    this.#softLimit = softLimit;
  }

  /** Take in a session; returns the one it replaces, if its holder was already here. */
  add(session: WorkerSession, introduction: WorkerIntroduction, connectedAt: number): Member {
    const before = this.#members.get(session.holder);
    if (before) this.remove(before.session);
    const at = { connectedAt, turn: before?.turn ?? 0 };
    const member = new MemberBooks(session, introduction, at, (one) => this.#changed.add(one));
    this.#members.set(session.holder, member);
    this.#list(member);
    return member;
  }

  #list(member: Member): void {
    for (const type of member.session.types.keys()) {
      const members = this.#byType.get(type) ?? new FreeMembers(type, this.#softLimit);
      members.add(member);
      this.#byType.set(type, members);
    }
  }

  /** Forget a session. Its attempts stay leased in the store. */
  remove(session: WorkerSession): void {
    const member = this.of(session);
    if (!member) return;
    this.#members.delete(session.holder);
    this.#changed.delete(member);
    for (const type of session.types.keys()) {
      const members = this.#byType.get(type);
      members?.delete(member);
      if (members?.size === 0) this.#byType.delete(type);
    }
    for (const running of member.running.values()) {
      running.deadline?.cancel();
      this.#isLatestNoMore(running);
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

  /** The member that has leases under this name. */
  holding(holder: string): Member | undefined {
    return this.#members.get(holder);
  }

  members(): Iterable<Member> {
    return this.#members.values();
  }

  /** The latest attempt of a task, if a member of this node runs it. */
  latest(taskId: string): Run | undefined {
    return this.#latest.get(taskId);
  }

  /** What exactly this session runs; also an attempt that is not the latest of its task any more. */
  running(session: WorkerSession, attempt: Attempt): Running | undefined {
    return this.of(session)?.running.get(attemptKey(attempt));
  }

  /**
   * The members that may do the tasks of a queue and have room for one now, the best choice first.
   *
   * @param most how many of them are wanted
   */
  candidates(queue: string, most = Infinity): readonly Member[] {
    if (most === 1) {
      const best = this.#best(queue);
      return best ? [best] : [];
    }
    const compare = compareBy(specOf(queue).strategy, this.#softLimit);
    return [...this.#choices(queue)]
      .toSorted((a, b) => compare(a.as, b.as) || a.order - b.order)
      .slice(0, most)
      .map(({ member }) => member);
  }

  /** Promise slots to a task of a queue that is about to be leased: the best choice among those with room, if any has. */
  reserve(queue: string): Member | undefined {
    const spec = specOf(queue);
    const best = this.#best(queue);
    if (best) this.hold(best, slotsAt(best, spec), spec.type);
    return best;
  }

  /** Whether any member may do the tasks of a queue and has room for one now, other than the one that is named. */
  hasFree(queue: string, except?: Member): boolean {
    for (const { member } of this.#likely(specOf(queue)))
      if (member !== except && isChoice(member, queue)) return true;
    return false;
  }

  #best(queue: string): Member | undefined {
    const spec = specOf(queue);
    const { type, strategy = "default", requirements, maxCost, slots } = spec;
    const asksForMore = requirements !== undefined || maxCost !== undefined || slots !== undefined;
    if (!asksForMore && strategy !== "best_value") {
      this.#tellTypes();
      return this.#byType.get(type)?.best(queue, strategy);
    }
    const isBefore = order(compareBy(strategy, this.#softLimit));
    let best: Choice | undefined;
    for (const choice of this.#choices(queue)) if (!best || isBefore(choice, best)) best = choice;
    return best?.member;
  }

  *#choices(queue: string): Generator<Choice> {
    const spec = specOf(queue);
    const now = this.#now();
    for (const { member, order } of this.#likely(spec)) {
      if (!isChoice(member, queue)) continue;
      const outcomes =
        spec.strategy === "best_value" && this.#outcomes.get(member.session.workerId);
      const reputation = outcomes ? reputationOf(outcomes, now) : 1;
      yield { member, order, as: candidate(member, spec, reputation) };
    }
  }

  #likely({ type }: QueueSpec): Iterable<Choice> {
    this.#tellTypes();
    return this.#byType.get(type)?.likely() ?? [];
  }

  #tellTypes(): void {
    for (const member of this.#changed)
      for (const type of member.session.types.keys()) this.#byType.get(type)?.changed(member);
    this.#changed.clear();
  }

  /** @param type of the one task that they are for, where that is known */
  hold(member: Member, slots: number, type?: string): void {
    member.reservedSlots += slots;
    if (type !== undefined) member.reserved.set(type, (member.reserved.get(type) ?? 0) + 1);
  }
  giveBack(member: Member, slots: number, type?: string): void {
    member.reservedSlots -= slots;
    if (type === undefined) return;
    const left = (member.reserved.get(type) ?? 0) - 1;
    if (left > 0) member.reserved.set(type, left);
    else member.reserved.delete(type);
  }

  /** The worker of a session says something else of itself from now on. */
  describe(session: WorkerSession, description: Partial<WorkerDescription>): Member | undefined {
    const member = this.of(session);
    if (!member) return undefined;
    member.introduction = { ...member.introduction, ...description };
    this.#list(member);
    member.lacks.clear();
    return member;
  }

  /** An attempt of a worker has ended, and that is to its credit or not. */
  noteOutcome(workerId: string, isGood: boolean): void {
    const before = this.#outcomes.get(workerId) ?? noOutcomes;
    this.#outcomes.delete(workerId);
    this.#outcomes.set(workerId, noted(before, isGood, this.#now()));
    for (const oldest of this.#outcomes.keys()) {
      if (this.#outcomes.size <= outcomesMax) break;
      this.#outcomes.delete(oldest);
    }
  }

  /** Note an attempt that a member now runs. */
  run(member: Member, running: Running): void {
    this.finish(member, running);
    member.running.set(attemptKey(running), running);
    member.usedSlots += specOf(running.queue).slots ?? 1;
    member.turn = ++this.#turns;
    this.#latest.set(running.taskId, { member, running });
  }

  /** Free the slots of an attempt, and tell what it was. Other attempts of the same task stay. */
  finish(member: Member, attempt: Attempt): Running | undefined {
    const key = attemptKey(attempt);
    const running = member.running.get(key);
    if (!running) return undefined;
    running.deadline?.cancel();
    member.running.delete(key);
    member.usedSlots -= specOf(running.queue).slots ?? 1;
    this.#isLatestNoMore(running);
    return running;
  }

  #isLatestNoMore(running: Running): void {
    const { taskId } = running;
    if (this.#latest.get(taskId)?.running === running) this.#latest.delete(taskId);
  }

  list(): readonly WorkerView[] {
    const now = this.#now();
    return [...this.#members.values()].map((member) => {
      const outcomes = this.#outcomes.get(member.session.workerId) ?? noOutcomes;
      return viewOf(member, reputationOf(outcomes, now));
    });
  }
}
