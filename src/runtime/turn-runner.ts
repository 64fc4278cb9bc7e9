// Gives every job its turns: one at a time on this node, compare-and-swap against all others.
import { LRUCache } from "lru-cache";
import type { Origin } from "../actor/envelope.ts";
import { incompatibilities } from "../blueprint/compatibility.ts";
import type { BlueprintRegistry } from "../blueprint/registry.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import { standingOf } from "../blueprint/standing.ts";
import { RuntimeError } from "../errors.ts";
import type { StoredJob } from "../store/records.ts";
import type { Commit, LeaseOffer } from "../store/commit.ts";
import { shardOf } from "../store/shard.ts";
import type { Store } from "../store/store.ts";
import type { Stray } from "./strays.ts";
import { Turn, type FirstMessage, type Mail, type MailOutcome, type TurnTools } from "./turn.ts";
import type { NewTask } from "../store/records.ts";

/** What follows from a commit that has become durable. */
export interface TurnEffects {
  /** Reserve a worker for a new task, before the commit. */
  offer(task: NewTask): LeaseOffer | undefined;
  /** What is to be known before the commit of the tasks that it takes away. */
  strays(taken: Turn["takenAway"]): Promise<readonly Stray[]>;
  /** The commit was refused: give the reservations back. */
  withdraw(commit: Commit): void;
  committed(done: CommittedTurn): void;
}

export interface CommittedTurn {
  readonly turn: Turn;
  readonly commit: Commit;
  /** The job as it is now. */
  readonly job: StoredJob;
  /** Store time of the commit. */
  readonly now: number;
  /** Of the tasks that were taken away. */
  readonly strays: readonly Stray[];
  /** The added tasks that their offers got. */
  readonly leased: ReadonlySet<string>;
  /** Other nodes that follow the job. */
  readonly followers?: readonly string[];
}

export interface TurnRunnerOptions {
  readonly store: Store;
  readonly blueprints: BlueprintRegistry;
  readonly effects: TurnEffects;
  readonly runInTurn: TurnTools["runInTurn"];
  readonly outboxDelayMs: number;
  readonly limits: TurnTools["limits"];
  /** As in `RuntimeOptions`. */
  readonly retentionMs?: number;
}

export type Delivery = MailOutcome | { readonly outcome: "unknown" };

interface Letter {
  readonly mail: Mail;
  readonly deliver: (delivery: Delivery) => void;
  readonly fail: (error: unknown) => void;
}

/** A job as this node wrote it, in one life of the store: in the next one another job may stand there at the same revision. */
interface Written {
  readonly job: StoredJob;
  readonly epoch: string | undefined;
}

/** Other nodes may win a few times in a row; losing this often means something else is wrong. */
const conflictsMax = 50;
/** Mail of one job that is taken together: one load, one commit. */
const lettersPerTurnMax = 64;
const cacheBytesMax = 64 * 1024 * 1024;

export class TurnRunner {
  readonly #options: TurnRunnerOptions;
  readonly #mailboxes = new Map<string, Letter[]>();
  readonly #running = new Set<Promise<unknown>>();
  /** Latest envelopes this node wrote, so that the next turn needs no read. A hint: the compare-and-swap decides. */
  readonly #cache = new LRUCache<string, Written>({
    maxSize: cacheBytesMax,
    sizeCalculation: ({ job }) => job.envelope.length + 256,
  });

  constructor(options: TurnRunnerOptions) {
    this.#options = options;
  }

  /**
   * Start a job under the id in `origin`.
   *
   * @param follow whether this node is to be told when others move the job
   * @returns `exists` where that id is taken, which makes starting idempotent.
   */
  begin(
    blueprint: Blueprint,
    origin: Origin,
    first: FirstMessage,
    follow = false,
  ): Promise<StoredJob | "exists"> {
    return this.#track(this.#begin(blueprint, origin, first, follow));
  }

  async #begin(blueprint: Blueprint, origin: Origin, first: FirstMessage, follow: boolean) {
    for (let conflicts = 0; conflicts < conflictsMax; conflicts++) {
      const turn = await Turn.begin(this.#tools(blueprint, origin.jobId), origin, first);
      const result = await this.#commit(turn, follow);
      if (result.outcome === "committed") return result.job;
      // Revision 0: there is no such job yet, but the epoch has changed.
      if (result.outcome !== "conflict" || result.revision > 0) return "exists";
    }
    throw contended(origin.jobId);
  }

  /** Give a job its mail. Resolves when what follows from it is durable. */
  deliver(jobId: string, mail: Mail): Promise<Delivery> {
    return new Promise((deliver, fail) => {
      const letter = { mail, deliver, fail };
      const mailbox = this.#mailboxes.get(jobId);
      if (mailbox) {
        mailbox.push(letter);
        return;
      }
      this.#mailboxes.set(jobId, [letter]);
      void this.#track(this.#empty(jobId));
    });
  }

  /**
   * Make a turn of a job that no mail makes. Resolves when it is durable.
   *
   * @param make is asked again where another turn was first; where it gives none, or an empty one, nothing happens.
   */
  change(
    jobId: string,
    make: (tools: (blueprint: Blueprint) => TurnTools) => Promise<Turn | undefined>,
  ): Promise<StoredJob | undefined> {
    return this.#track(this.#change(jobId, make));
  }

  async #change(jobId: string, make: Parameters<TurnRunner["change"]>[1]) {
    for (let conflicts = 0; conflicts < conflictsMax; conflicts++) {
      const turn = await make((blueprint) => this.#tools(blueprint, jobId));
      if (!turn || turn.isEmpty) return undefined;
      const result = await this.#commit(turn);
      if (result.outcome === "committed") return result.job;
      this.#cache.delete(jobId);
    }
    throw contended(jobId);
  }

  /** The job as this node wrote it last, where it still has it: another node may have gone on since. */
  latest(jobId: string): StoredJob | undefined {
    const written = this.#cache.get(jobId);
    return written?.epoch === this.#options.store.epoch(shardOf(jobId)) ? written?.job : undefined;
  }

  /** Another node has moved the job. */
  forget(jobId: string): void {
    this.#cache.delete(jobId);
  }

  /** Resolves when no turn is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  /** Note what `idle` waits for. */
  #track<Result>(work: Promise<Result>): Promise<Result> {
    const noted = work.finally(() => this.#running.delete(noted));
    this.#running.add(noted);
    return noted;
  }

  async #empty(jobId: string): Promise<void> {
    const mailbox = this.#mailboxes.get(jobId)!;
    // Whatever comes in the same breath, such as the results in one message of a worker, is one turn and one commit.
    await Promise.resolve();
    while (mailbox.length > 0) {
      const letters = mailbox.splice(0, lettersPerTurnMax);
      try {
        await this.#takeTurn(jobId, letters);
      } catch (error) {
        this.#cache.delete(jobId);
        for (const { fail } of letters) fail(error);
      }
    }
    this.#mailboxes.delete(jobId);
  }

  async #takeTurn(jobId: string, letters: readonly Letter[]): Promise<void> {
    const open = new Set(letters);
    for (let conflicts = 0; conflicts < conflictsMax; conflicts++) {
      const cached = this.latest(jobId);
      const job = cached ?? (await this.#options.store.loadJob(jobId));
      if (!job) {
        for (const { deliver } of open) deliver({ outcome: "unknown" });
        return;
      }
      const { blueprint, version } = job.summary;
      const tools = this.#tools(this.#options.blueprints.require(blueprint, version), jobId);
      const turn = Turn.resume(tools, job);
      refuseOtherShape(turn);
      const outcomes = new Map<Letter, MailOutcome>();
      for (const letter of open) outcomes.set(letter, await turn.apply(letter.mail));

      if (turn.isEmpty && cached && !(await this.#isLatest(cached))) continue;
      const result = turn.isEmpty ? ({ outcome: "committed" } as const) : await this.#commit(turn);
      if (result.outcome === "committed") {
        for (const [{ deliver }, outcome] of outcomes) deliver(outcome);
        return;
      }
      this.#cache.delete(jobId);
      if (result.outcome === "fenced")
        for (const [letter, { outcome }] of outcomes)
          // Only one attempt of a task can have stepped: others of it may be the current one.
          if (outcome === "stepped" && taskOf(letter.mail) === result.taskId) {
            letter.deliver({ outcome: "ignored", reason: "fenced" });
            open.delete(letter);
          }
    }
    throw contended(jobId);
  }

  /** No commit follows that would find out that another node has gone on. Forgets the job where one has. */
  async #isLatest({ summary: { jobId }, revision, envelope }: StoredJob): Promise<boolean> {
    const stored = await this.#options.store.loadJob(jobId);
    if (stored?.revision === revision && stored.envelope === envelope) return true;
    this.#cache.delete(jobId);
    return false;
  }

  async #commit(turn: Turn, follow = false) {
    const { effects, store } = this.#options;
    const planned = turn.commit((task) => effects.offer(task));
    const commit: Commit = follow ? Object.assign({}, planned, { follow }) : planned;
    const { takenAway } = turn;
    const { jobId, summary, revision, envelope } = commit;
    try {
      const strays = takenAway.length > 0 ? await effects.strays(takenAway) : [];
      const result = await store.commit(commit);
      if (result.outcome !== "committed") {
        effects.withdraw(commit);
        return result;
      }
      const job: StoredJob = { summary, revision, envelope };
      if (turn.envelope.status === "active") this.#cache.set(jobId, { job, epoch: commit.epoch });
      else this.#cache.delete(jobId);
      effects.committed({
        turn,
        commit,
        job,
        strays,
        leased: new Set(result.leased),
        now: result.now,
        ...(result.followers && { followers: result.followers }),
      });
      return { outcome: "committed", job } as const;
    } catch (error) {
      effects.withdraw(commit);
      throw error;
    }
  }

  #tools(blueprint: Blueprint, jobId: string): TurnTools {
    const { store, runInTurn, outboxDelayMs, limits } = this.#options;
    const { shards } = store;
    const shard = shardOf(jobId);
    const at = {
      now: store.now(shard),
      epoch: store.epoch(shard),
      ...(shards > 1 && { shards }),
    };
    const retention = blueprint.retentionMs ?? this.#options.retentionMs ?? "forever";
    return { blueprint, at, runInTurn, outboxDelayMs, limits, retention };
  }
}

function contended(jobId: string): RuntimeError {
  return new RuntimeError("store.contended", "Other turns of this job kept winning.", { jobId });
}

/** A job goes on only in the very shape it was started in: another one may lack its states, children or timers. */
function refuseOtherShape({ envelope, blueprint }: Turn): void {
  const { shape } = blueprint.fingerprint;
  if (envelope.shape === shape) return;
  const { jobId, version } = envelope;
  const found = incompatibilities(blueprint, standingOf(envelope, undefined));
  throw new RuntimeError(
    "blueprint.shape_changed",
    `Job ${jobId} runs "${blueprint.name}" version "${version}", whose shape has changed since it was started. Serve the old shape under that version, and give the new one a version of its own.${found.map(({ message }) => ` ${message}`).join("")}`,
    {
      jobId,
      blueprint: blueprint.name,
      version,
      shape,
      startedWith: envelope.shape,
      problems: found.map(({ message }) => message),
    },
  );
}

function taskOf(mail: Mail): string | undefined {
  switch (mail.kind) {
    case "result":
      return mail.attempt.taskId;
    case "failure":
      return mail.taskId;
    case "message":
    case "progress":
    case "task_event":
    case "timer":
    case "job_end":
      return undefined;
  }
}
