// Notices that a store has gone back in time, and sees to it that no job is stuck by that: each goes on, or is quarantined.
//
// A promoted replica may lack the last writes of its primary. What this node has been told to be durable it remembers for
// a while, and looks whether it is still there as soon as a shard has another epoch.
import { LRUCache } from "lru-cache";
import type { Message } from "../actor/effect.ts";
import { decodeEnvelope } from "../actor/codec.ts";
import { isEventOfJob } from "../actor/exchange.ts";
import type { BlueprintRegistry } from "../blueprint/registry.ts";
import type { Logger } from "../logger.ts";
import type { StoredJob } from "../store/records.ts";
import { shardOf } from "../store/shard.ts";
import type { Attempt, Store } from "../store/store.ts";
import type { JobEvents } from "./job-events.ts";
import { openJobs } from "./job-view.ts";
import type { CommittedTurn, TurnRunner } from "./turn-runner.ts";

export interface RewindsOptions {
  readonly store: Store;
  readonly blueprints: BlueprintRegistry;
  readonly turns: TurnRunner;
  readonly events: JobEvents;
  readonly log: Logger;
}

/** How often this node has seen that the store holds less than it did. */
export interface RewindCounts {
  /** Jobs that went back to an earlier revision. */
  readonly rewound: number;
  /** Jobs that are gone altogether. */
  readonly lost: number;
}

/** What this node knows of a job from its own commits. */
interface Mark {
  readonly revision: number;
  /** Of the commit that led there. */
  readonly epoch: string;
  readonly parent?: string;
  /** Messages that passed between the job and others, by the revision that sent or took them. */
  readonly talks: readonly { readonly revision: number; readonly to?: string }[];
  /** It has ended, and is to be forgotten some day. */
  readonly mayBeGone: boolean;
  /** The latest one of an earlier epoch, until somebody has looked whether it is still there. */
  readonly earlier?: Mark;
}

/** Far more jobs than move while a replica is behind. */
const marksMax = 10_000;
const talksMax = 100;
const checkedAtOnce = 50;

export class Rewinds {
  readonly #options: RewindsOptions;
  readonly #marks = new LRUCache<string, Mark>({ max: marksMax });
  /** By shard: the epoch in which everything that is marked was found, or was written. */
  readonly #epochs = new Map<number, string>();
  readonly #comparisons = new Set<Promise<void>>();
  #rewound = 0;
  #lost = 0;

  constructor(options: RewindsOptions) {
    this.#options = options;
  }

  get counts(): RewindCounts {
    return { rewound: this.#rewound, lost: this.#lost };
  }

  committed({ turn, commit }: CommittedTurn): void {
    const { jobId, history, ops, revision, epoch } = commit;
    if (epoch === undefined) return;
    const before = this.#marks.get(jobId);
    const heard = history.filter(({ message }) => isOfAnotherJob(message));
    const sent = turn.messages.flatMap(({ body }) => {
      const { kind, to } = body as { readonly kind?: string; readonly to?: string };
      // Notes are nothing that the other one would have to have heard.
      const isNote = kind === "restarted" || kind === "rejoin";
      return to === undefined || isNote ? [] : [{ revision, to }];
    });
    const parent = turn.envelope.parent?.jobId;
    this.#marks.set(jobId, {
      revision,
      epoch,
      ...(parent !== undefined && { parent }),
      talks: [...(before?.talks ?? []), ...heard, ...sent].slice(-talksMax),
      mayBeGone: ops.some(({ op }) => op === "keep_until"),
      ...earlierOf(before, epoch),
    });
  }

  /** A shard has answered: where it has another epoch than before, look whether it still has what it was given. */
  async looked(shard: number): Promise<void> {
    const epoch = this.#options.store.epoch(shard);
    const before = this.#epochs.get(shard);
    if (before === epoch) return;
    if (before !== undefined) await this.#check(shard, epoch);
    this.#epochs.set(shard, epoch);
  }

  /** A worker holds attempts that the store does not know: look whether it has known them once. */
  disowned(workerId: string, attempts: readonly Attempt[]): void {
    if (attempts.length === 0) return;
    const comparison = this.#compare(workerId, attempts)
      .catch((error: unknown) => {
        const { log } = this.#options;
        log.error({ err: error, workerId }, "comparing a worker's attempts with the store failed");
      })
      .finally(() => this.#comparisons.delete(comparison));
    this.#comparisons.add(comparison);
  }

  /** Resolves when the attempts of no worker are looked for. */
  async idle(): Promise<void> {
    while (this.#comparisons.size > 0) await Promise.all(this.#comparisons);
  }

  async #compare(workerId: string, attempts: readonly Attempt[]): Promise<void> {
    for (const { taskId, attempt } of attempts) {
      const task = await this.#options.store.loadTask(taskId);
      if (task && task.attempt < attempt) await this.#goneBack(taskId, task.jobId, workerId);
      if (task) continue;
      const [, jobId, revision] = /^(.*):[0-9a-z]+\.(\d+)\.[\d.]+$/.exec(taskId) ?? [];
      if (jobId === undefined) continue;
      const job = await this.#options.store.loadJob(jobId);
      if (job && job.revision < Number(revision))
        await this.#goneBack(taskId, jobId, workerId, Number(revision));
    }
  }

  async #goneBack(taskId: string, jobId: string, workerId: string, revision?: number) {
    const { log } = this.#options;
    const about = { jobId, taskId, workerId, ...(revision !== undefined && { lost: revision }) };
    log.warn(about, "a worker knows more of a job than the store: the store has gone back in time");
    await this.#rewind(jobId, { revision: revision ?? 0, epoch: "", talks: [], mayBeGone: false });
  }

  async #check(shard: number, epoch: string): Promise<void> {
    const { log } = this.#options;
    const marks = [...this.#marks.entries()].filter(([jobId]) => shardOf(jobId) === shard);
    log.warn(
      { shard, epoch, jobs: marks.length },
      "a shard has a new epoch: its server was started or promoted, or it has moved to another one",
    );
    const before = this.counts;
    for (let from = 0; from < marks.length; from += checkedAtOnce)
      await Promise.all(
        marks.slice(from, from + checkedAtOnce).map(async ([jobId, mark]) => {
          const oldest = mark.earlier ?? mark;
          const isThere = await this.#isThere(jobId, oldest);
          if (!isThere) await this.#rewind(jobId, oldest);
          this.#settle(jobId, oldest, isThere);
        }),
      );
    const rewound = this.#rewound - before.rewound;
    const lost = this.#lost - before.lost;
    if (rewound + lost > 0)
      log.error({ shard, epoch, rewound, lost }, "the store has lost what was acknowledged");
  }

  /** A mark has been looked for: what was committed meanwhile is marked anew. */
  #settle(jobId: string, looked: Mark, isThere: boolean): void {
    const { earlier, ...mark } = this.#marks.get(jobId) ?? looked;
    if (earlier !== undefined) this.#marks.set(jobId, mark);
    else if (mark.revision === looked.revision && mark.epoch === looked.epoch && !isThere)
      this.#marks.delete(jobId);
  }

  async #isThere(jobId: string, { revision, epoch, mayBeGone }: Mark): Promise<boolean> {
    const { store } = this.#options;
    const [entry] = await store.history(jobId, revision - 1, 1);
    if (entry) return entry.epoch === epoch;
    return mayBeGone && (await store.loadJob(jobId)) === undefined;
  }

  /** A job lacks steps that it has made. */
  async #rewind(jobId: string, mark: Mark): Promise<void> {
    const { store, turns, events, blueprints, log } = this.#options;
    turns.forget(jobId);
    const job = await store.loadJob(jobId);
    const others = new Set(this.#estranged(mark, job?.revision ?? 0));
    if (job) {
      this.#rewound += 1;
      const { revision, summary } = job;
      const { blueprint, version } = summary;
      if (others.size > 0 || mark.talks.some((talk) => talk.revision > revision))
        for (const other of related(job, blueprints.get(blueprint, version))) others.add(other);
      log.warn({ jobId, revision, lost: mark.revision }, "a job has gone back in time");
    } else {
      this.#lost += 1;
      if (mark.parent !== undefined) others.add(mark.parent);
      log.error({ jobId, lost: mark.revision }, "an acknowledged job is gone");
    }
    const isFamily = others.size > 0;
    if (job) await this.#tell(jobId, isFamily ? quarantine(jobId) : noted(mark.revision));
    for (const other of others) await this.#tell(other, quarantine(jobId));
    events.moved(jobId);
  }

  /** The other jobs with which one has exchanged messages that it does not know of any more. */
  #estranged({ talks, revision, parent }: Mark, stored: number): readonly string[] {
    const forgotten = talks.filter((talk) => stored >= revision || talk.revision > stored);
    const sent = forgotten.flatMap(({ to }) => (to === undefined ? [] : [to]));
    return forgotten.length > 0 && parent !== undefined ? [...sent, parent] : sent;
  }

  async #tell(jobId: string, message: Exclude<Message, { type: "start" }>): Promise<void> {
    await this.#options.turns.deliver(jobId, { kind: "message", message });
  }
}

function earlierOf(before: Mark | undefined, epoch: string): { readonly earlier?: Mark } {
  if (!before) return {};
  if (before.earlier) return { earlier: before.earlier };
  return before.epoch === epoch ? {} : { earlier: before };
}

const noted = (lost: number) => ({ type: "rewound", lost }) as const;

/** Jobs count what they say to each other. Where one has forgotten some of it, nobody can tell how they are to go on. */
const quarantine = (jobId: string) =>
  ({
    type: "stop",
    reason: `the store has gone back in time under job ${jobId}`,
    error: {
      code: "store.rewound",
      message: `The store has lost the latest steps of job ${jobId}, which had exchanged messages with other jobs meanwhile.`,
    },
  }) as const;

function isOfAnotherJob(message: Message): boolean {
  if (message.type === "event") return isEventOfJob(message);
  return "number" in message && message.number !== undefined;
}

/** The parent of a job, and the child jobs that it waits for. */
function related(job: StoredJob, blueprint: ReturnType<BlueprintRegistry["get"]>): string[] {
  const envelope = decodeEnvelope(job.envelope);
  const children = blueprint ? openJobs(envelope, blueprint) : [];
  const parent = envelope.parent ? [envelope.parent.jobId] : [];
  return [...parent, ...children.map(({ jobId }) => jobId)];
}
