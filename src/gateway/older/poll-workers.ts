// The workers of the older dialect that this node knows: taken in by whatever they say first, forgotten when silent.
import type { Clock, TimerHandle } from "../../clock.ts";
import { RuntimeError } from "../../errors.ts";
import type { OlderDescription, OlderProgress } from "../../protocol/older-dialect.ts";
import type { WorkerDescription } from "../../runtime/runtime.ts";
import { PollSession, type PollSessionLimits, type PollSessionParts } from "./poll-session.ts";

export interface PollWorkersLimits extends PollSessionLimits {
  /**
   * A worker that says nothing for so long, and asks for nothing, is not listed any more. One that has tasks may
   * be held up by them, for as long as their leases last.
   */
  readonly silentMs: number;
  /** The most worker ids at once, and the most that are remembered. */
  readonly pollWorkersMax: number;
}

/** What a worker's own library assumes where nothing is said. */
const concurrencyByDefault = 10;

/** What a worker has said of itself so far. */
export type Known = Omit<OlderDescription, "load" | "status" | "task_types">;

interface Entry {
  readonly session: PollSession;
  known: Known;
  /** The runtime has been told of it, or is being told. */
  joined: boolean;
  /** Requests of this worker that are under way. */
  present: number;
  /** Monotonic time of the end of the last one. */
  heardAt: number;
}

export class PollWorkers {
  readonly #parts: PollSessionParts & { readonly limits: PollWorkersLimits };
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  /** What those who fell silent had said, so that they need not say it again; the oldest first. */
  readonly #remembered = new Map<string, Known>();
  #sweep: TimerHandle | undefined;
  #closed = false;

  constructor(parts: PollSessionParts & { readonly limits: PollWorkersLimits }) {
    this.#parts = parts;
    this.#clock = parts.clock;
  }

  /**
   * Do something for a worker, which is taken in where it is not known: its library registers once in its life,
   * and servers come and go.
   *
   * @param said What it tells of itself, where it does.
   * @throws RuntimeError `server.stopping`, `server.busy`, and what the store throws
   */
  async attend<Answer>(
    workerId: string,
    said: OlderDescription,
    act: (session: PollSession, known: Known) => Answer | Promise<Answer>,
  ): Promise<Answer> {
    if (this.#closed) throw new RuntimeError("server.stopping", "The server is stopping.");
    const entry = this.#entries.get(workerId) ?? this.#admit(workerId);
    entry.present++;
    try {
      await this.#learn(entry, said);
      return await act(entry.session, entry.known);
    } finally {
      entry.present--;
      entry.heardAt = this.#clock.monotonic();
    }
  }

  /** The worker that was given a task, where this node gave it. */
  holderOf(wireId: string): PollSession | undefined {
    for (const { session } of this.#entries.values()) if (session.holds(wireId)) return session;
    return undefined;
  }

  /** The session of a worker that is known. */
  get(workerId: string): PollSession | undefined {
    return this.#entries.get(workerId)?.session;
  }

  /**
   * Take a worker's progress with a task that this node gave it.
   *
   * @param workerId Whose socket brought it, where that is known.
   * @returns whose it is; undefined where this node gave nobody that task.
   */
  report(workerId: string | undefined, progress: OlderProgress): PollSession | undefined {
    const session =
      workerId === undefined
        ? this.holderOf(progress.task_id)
        : this.#entries.get(workerId)?.session;
    if (!session?.holds(progress.task_id)) return undefined;
    session.report(progress);
    return session;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Answer everyone who waits, and give out nothing more. Leases go on. */
  close(): void {
    this.#closed = true;
    this.#sweep?.cancel();
    for (const { session } of this.#entries.values()) session.end();
    this.#entries.clear();
  }

  #admit(workerId: string): Entry {
    const { pollWorkersMax } = this.#parts.limits;
    if (this.#entries.size >= pollWorkersMax)
      throw new RuntimeError("server.busy", `There are ${pollWorkersMax} workers already.`);
    const session = new PollSession(workerId, this.#parts);
    const heardAt = this.#clock.monotonic();
    const known = this.#remembered.get(workerId) ?? {};
    this.#remembered.delete(workerId);
    const entry = { session, known, joined: false, present: 0, heardAt };
    this.#entries.set(workerId, entry);
    this.#parts.log.info({ workerId }, "worker of the older dialect has come");
    this.#watch();
    return entry;
  }

  /** Tell the runtime what is new about a worker. */
  async #learn(entry: Entry, said: OlderDescription): Promise<void> {
    const { session } = entry;
    const { load: _, status: __, task_types, ...rest } = said;
    const offered = rest.supported_tasks ?? task_types;
    const told = Object.fromEntries(
      Object.entries(rest).filter(([, value]) => value !== undefined),
    );
    const before = entry.known;
    entry.known = { ...before, ...told };
    const types = offered ?? (entry.joined ? [] : (before.supported_tasks ?? []));
    // A busy worker offers nothing for a while: what it can do is still what it said before.
    if (types.length > 0) entry.known.supported_tasks = [...types];
    else if (before.supported_tasks) entry.known.supported_tasks = before.supported_tasks;
    const credits = entry.known.max_concurrent_tasks ?? concurrencyByDefault;
    const description = descriptionOf(entry.known);
    if (!entry.joined) {
      entry.joined = true;
      session.join(types, credits, description).catch(() => this.#forget(entry));
    } else if (Object.keys(told).length > 0 || types.some((type) => !session.types.has(type))) {
      // A session can be described once the runtime knows of it.
      await session.joined();
      session.describe(types, credits, description);
    }
    await session.joined();
    session.offer(types);
  }

  #forget({ session }: Entry): void {
    if (this.#entries.get(session.workerId)?.session === session)
      this.#entries.delete(session.workerId);
    session.end();
  }

  #remember(workerId: string, known: Known): void {
    this.#remembered.set(workerId, known);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > this.#parts.limits.pollWorkersMax) this.#remembered.delete(oldest!);
  }

  #watch(): void {
    if (this.#sweep || this.#entries.size === 0 || this.#closed) return;
    const { silentMs, olderLeaseMs } = this.#parts.limits;
    this.#sweep = this.#clock.schedule(silentMs / 4, () => {
      this.#sweep = undefined;
      const now = this.#clock.monotonic();
      for (const [workerId, entry] of this.#entries) {
        const limitMs = entry.session.heldSize > 0 ? Math.max(olderLeaseMs, silentMs) : silentMs;
        if (entry.present > 0 || now - entry.heardAt < limitMs) continue;
        this.#forget(entry);
        this.#remember(workerId, entry.known);
        const detached = entry.session.heldSize;
        this.#parts.log.info({ workerId, detached }, "worker has fallen silent");
      }
      this.#watch();
    });
  }
}

function descriptionOf(known: Known): WorkerDescription {
  const { worker_type = "worker", hostname, ip_address, resources = {} } = known;
  const { installed_models, hot_cache, cost_per_second } = known;
  return {
    workerType: worker_type,
    labels: {
      ...(hostname !== undefined && { hostname }),
      ...(ip_address !== undefined && { ip_address }),
    },
    resources,
    ...(installed_models && { installedModels: installed_models }),
    ...(hot_cache && { hotCache: hot_cache }),
    ...(cost_per_second !== undefined && { costPerSecond: cost_per_second }),
  };
}
