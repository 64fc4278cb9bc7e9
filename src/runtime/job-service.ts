// What clients ask for: start, look at, send to, wait for, follow and cancel jobs.
import type { Archive, ArchivePage } from "../archive/archive.ts";
import { decodeEnvelope } from "../actor/codec.ts";
import type { SentEvent } from "../actor/effect.ts";
import { decisionEvent } from "../blueprint/flow-engine.ts";
import type { BlueprintRegistry } from "../blueprint/registry.ts";
import type { Clock } from "../clock.ts";
import { problemText, type EventProblem } from "../blueprint/declared-event.ts";
import { RuntimeError } from "../errors.ts";
import type { Ids } from "../id.ts";
import type { HistoryEntry, StoredJob, StoredTask } from "../store/records.ts";
import { shardFor } from "../store/shard.ts";
import type { JobPage, JobQuery, Store } from "../store/store.ts";
import type { WhyWaiting } from "./dispatch/why-waits.ts";
import { isReservedEvent } from "./internal-event.ts";
import type { Ending } from "./ending.ts";
import type { JobEvents, News } from "./job-events.ts";
import { archivedJobView, childJobIds, jobView } from "./job-view.ts";
import { strandedJobView } from "./stranded-job.ts";
import {
  isFinished,
  type JobEvent,
  type JobService,
  type JobView,
  type StartedJob,
  type StartJob,
  type TaskProgress,
} from "./runtime.ts";
import type { StreamTails } from "./stream-tails.ts";
import type { TurnRunner } from "./turn-runner.ts";

export interface JobServiceOptions {
  readonly store: Store;
  readonly archive?: Archive;
  readonly blueprints: BlueprintRegistry;
  readonly turns: TurnRunner;
  readonly events: JobEvents;
  readonly tails: StreamTails;
  readonly ids: Ids;
  /** How long idempotency keys are kept at least, in milliseconds. */
  readonly keyMs: number;
  readonly clock: Clock;
  readonly progress: (taskId: string) => TaskProgress | undefined;
  /** Why those of these tasks wait that are queued, by their queues. */
  readonly why: (tasks: readonly StoredTask[]) => Promise<ReadonlyMap<string, WhyWaiting>>;
}

/** History is read in pages of this many entries when a reader catches up. */
const catchUpPage = 500;

export class Jobs implements JobService {
  readonly #options: JobServiceOptions;
  #started = 0;
  #closed = false;

  constructor(options: JobServiceOptions) {
    this.#options = options;
  }

  /** Refuse what would begin something new. */
  close(): void {
    this.#closed = true;
  }

  async start(request: StartJob): Promise<StartedJob> {
    this.#refuseWhenClosed();
    const { blueprints, store, turns, ids, keyMs } = this.#options;
    const blueprint = blueprints.require(request.blueprint, request.version);
    const input = blueprint.input
      ? parsedInput(blueprint.name, blueprint.input, request.input)
      : request.input;
    const { idempotencyKey, partitionKey, follow = false } = request;
    const fresh = ids.job(this.#shard(partitionKey));
    const jobId =
      idempotencyKey === undefined
        ? fresh
        : await store.claimKey(`${blueprint.name}\n${idempotencyKey}`, fresh, keyMs);
    if (jobId !== fresh) {
      const earlier = await this.get(jobId);
      if (earlier) return earlier;
    }
    const { name, version, fingerprint } = blueprint;
    const origin = { jobId, blueprint: name, version, shape: fingerprint.shape };
    const begun = await turns.begin(blueprint, origin, { type: "start", input }, follow);
    if (begun === "exists") return this.#require(jobId);
    const { status, currentState } = begun.summary;
    if (follow) this.#options.events.begun(jobId);
    return { jobId, revision: begun.revision, status, currentState };
  }

  /** Jobs go to the shards in turn, but for those that are to be kept together. */
  #shard(partitionKey: string | undefined): number {
    const { shards } = this.#options.store;
    return partitionKey === undefined ? this.#started++ % shards : shardFor(partitionKey, shards);
  }

  async get(jobId: string): Promise<JobView | undefined> {
    const { store, archive, blueprints } = this.#options;
    const job = await store.loadJob(jobId);
    if (job) return this.view(job);
    const archived = await archive?.load(jobId);
    if (!archived) return undefined;
    const { blueprint, version } = archived.summary;
    return archivedJobView(archived, blueprints.get(blueprint, version));
  }

  list(query: JobQuery): Promise<JobPage> {
    return this.#options.store.listJobs(query);
  }
  async listArchived(query: JobQuery): Promise<ArchivePage> {
    const { archive } = this.#options;
    if (!archive)
      throw new RuntimeError(
        "request.invalid",
        "This server has no archive: see HISTORY_DATABASE_URI.",
      );
    return archive.list(query);
  }
  count(): ReturnType<Store["countJobs"]> {
    return this.#options.store.countJobs();
  }

  async history(jobId: string, after: number, limit: number): Promise<readonly HistoryEntry[]> {
    const { store, archive } = this.#options;
    const entries = await store.history(jobId, after, limit);
    if (entries.length > 0) return entries;
    const { archivedAt } = await this.#require(jobId);
    return (archivedAt !== undefined && (await archive?.history(jobId, after, limit))) || [];
  }

  async send(jobId: string, event: SentEvent) {
    this.#refuseWhenClosed();
    if (isReservedEvent(event.type))
      throw new RuntimeError("event.reserved", `Events named "${event.type}" are internal.`, {
        type: event.type,
      });
    const message = { type: "event", event } as const;
    const delivery = await this.#options.turns.deliver(jobId, { kind: "message", message });
    switch (delivery.outcome) {
      case "stepped":
        return { outcome: "accepted", revision: delivery.revision } as const;
      case "refused":
        throw misfit(delivery.problem);
      case "unknown":
        throw archived(await this.#require(jobId));
      case "ignored": {
        const job = await this.#require(jobId);
        if (delivery.reason === "finished") throw finished(job);
        if (delivery.reason === "full") throw full(job, event.type);
        return { outcome: "ignored", revision: job.revision } as const;
      }
    }
  }

  async approve(jobId: string, decision: string): Promise<void> {
    this.#refuseWhenClosed();
    const message = { type: "event", event: { type: decisionEvent, decision } } as const;
    const delivery = await this.#options.turns.deliver(jobId, { kind: "message", message });
    if (delivery.outcome === "unknown") throw notFound(jobId);
    if (delivery.outcome === "stepped") return;
    const { waits } = await this.#require(jobId);
    const asked = waits.find(({ kind }) => kind === "approval");
    throw asked
      ? new RuntimeError(
          "approval.invalid_decision",
          `Invalid decision '${decision}' for this job`,
          { jobId, decisions: asked.kind === "approval" ? asked.decisions : [] },
        )
      : new RuntimeError("approval.not_awaited", "Job is not in a state that can be approved", {
          jobId,
        });
  }

  async cancel(jobId: string, reason: string): Promise<JobView> {
    const message = { type: "stop", reason } as const;
    const delivery = await this.#options.turns.deliver(jobId, { kind: "message", message });
    const job = await this.#require(jobId);
    if (delivery.outcome === "unknown") throw archived(job);
    if (delivery.outcome === "ignored") throw finished(job);
    return job;
  }

  async wait(jobId: string, timeoutMs: number, ending?: Ending): Promise<JobView> {
    const { events, clock, turns } = this.#options;
    const { subscription, fromBeginning, following } = events.subscribe(jobId);
    const stop = () => subscription.stop();
    if (ending?.aborted) stop();
    ending?.addEventListener("abort", stop);
    const timer = clock.schedule(timeoutMs, stop);
    try {
      await following;
      // A job that has just begun here needs no look: its end will be told to the subscription.
      const known = fromBeginning && turns.latest(jobId) !== undefined;
      for (let look = !known; ;) {
        if (look) {
          const job = await this.#require(jobId);
          if (isFinished(job.status) || subscription.isStopped) return job;
        }
        await subscription.changed();
        const { missed, events: news } = subscription.take();
        const end = news.find((event) => event.type === "finished");
        if (end) return end.job;
        look = missed || subscription.isStopped;
      }
    } finally {
      timer.cancel();
      ending?.removeEventListener("abort", stop);
      subscription.close();
    }
  }

  async *watch(jobId: string, after: number, ending: Ending): AsyncGenerator<JobEvent> {
    const { subscription, following } = this.#options.events.subscribe(jobId);
    const stop = () => subscription.stop();
    if (ending.aborted) stop();
    ending.addEventListener("abort", stop);
    let last = after;
    let place = 0;
    try {
      await following;
      for (
        let news: News = { missed: true, streamed: true, events: [] };
        !subscription.isStopped;
      ) {
        // Before what happened since: the end of a job comes after its streams. A chunk that comes while these are read
        // sets the subscription again.
        if (news.streamed || news.missed) {
          const read = this.#options.tails.read(jobId, place);
          place = read.place;
          yield* read.events;
        }
        if (news.missed)
          for await (const event of this.#missed(jobId, last)) {
            last = event.id;
            yield event;
            if (event.type === "finished") return;
          }
        for (const event of news.events) {
          if ("id" in event) {
            if (event.type === "state" && event.id <= last) continue;
            last = event.id;
          }
          yield event;
          if (event.type === "finished") return;
        }
        await subscription.changed();
        news = subscription.take();
      }
    } finally {
      ending.removeEventListener("abort", stop);
      subscription.close();
    }
  }

  /** The job as clients may see it. */
  async view(job: StoredJob): Promise<JobView> {
    const { blueprints, store, progress, why } = this.#options;
    const { blueprint, version, jobId, status } = job.summary;
    const served = blueprints.get(blueprint, version);
    const envelope = decodeEnvelope(job.envelope);
    const found = served?.fingerprint.shape === envelope.shape ? served : undefined;
    if (!found) return strandedJobView(job, envelope, served);
    const waits = status.startsWith("waiting") || status === "running";
    const tasks = waits ? await store.listTasks(jobId) : [];
    const childIds = waits ? childJobIds(envelope, found) : [];
    const [reasons, ...children] = await Promise.all([
      why(tasks),
      ...childIds.map((id) => store.loadJob(id)),
    ]);
    const summaries = new Map(children.map((child) => [child?.summary.jobId, child?.summary]));
    const childJob = (id: string) => summaries.get(id);
    return jobView(job, envelope, { blueprint: found, tasks, reasons, progress, childJob });
  }

  /**
   * What a reader has missed after a revision, up to the end of the job where it has one. A reader that knows more than is
   * stored has seen what the store has lost since, and is told of the present state again.
   */
  async *#missed(
    jobId: string,
    after: number,
  ): AsyncGenerator<Extract<JobEvent, { readonly id: number }>> {
    const job = await this.#require(jobId);
    for (let last = after > job.revision ? job.revision - 1 : after; ;) {
      const entries = await this.history(jobId, last, catchUpPage);
      for (const { revision, currentState, status, now } of entries) {
        last = revision;
        yield { type: "state", id: revision, jobId, currentState, status, at: now };
      }
      if (entries.length < catchUpPage) break;
    }
    if (isFinished(job.status)) yield { type: "finished", id: job.revision, jobId, job };
  }

  async #require(jobId: string): Promise<JobView> {
    const job = await this.get(jobId);
    if (!job) throw notFound(jobId);
    return job;
  }

  #refuseWhenClosed(): void {
    if (this.#closed)
      throw new RuntimeError("server.stopping", "This node is stopping. Try again in a moment.");
  }
}

function notFound(jobId: string): RuntimeError {
  return new RuntimeError("job.not_found", `There is no job "${jobId}".`, { jobId });
}

function finished({ jobId, status }: JobView): RuntimeError {
  return new RuntimeError("job.finished", `The job has ended: it is ${status}.`, { jobId, status });
}

function archived({ jobId, status }: JobView): RuntimeError {
  return new RuntimeError(
    "job.archived",
    `The job has ended, it is ${status}, and it has been archived.`,
    { jobId, status },
  );
}

function misfit(problem: EventProblem): RuntimeError {
  const { type, issues } = problem;
  return new RuntimeError("event.invalid", problemText(problem), { type, issues });
}

function full({ jobId, deferredEvents = [] }: JobView, type: string): RuntimeError {
  return new RuntimeError(
    "job.too_many_deferred",
    `The job cannot take "${type}" now, and already keeps ${deferredEvents.length} events for later.`,
    { jobId, type },
  );
}

interface Schema {
  safeParse(value: unknown): {
    readonly success: boolean;
    readonly data?: unknown;
    readonly error?: {
      readonly issues: readonly { path: readonly PropertyKey[]; message: string }[];
    };
  };
}

function parsedInput(blueprint: string, schema: Schema, input: unknown): unknown {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const issues = parsed.error!.issues.map(({ path, message }) => ({
    path: path.map(String).join("."),
    message,
  }));
  const [first] = issues;
  const where = first?.path ? ` at "${first.path}"` : "";
  throw new RuntimeError(
    "blueprint.input_invalid",
    `The input does not fit blueprint "${blueprint}"${where}: ${first?.message}`,
    { blueprint, issues },
  );
}
