// Jobs that ended in an error: listed with their reasons, and driven again from before the failure.
import type { Message, StartOfChild } from "../actor/effect.ts";
import { decodeEnvelope, encodeEnvelope } from "../actor/codec.ts";
import type { Envelope, Failure } from "../actor/envelope.ts";
import { bornAs, Replay } from "../actor/replay.ts";
import type { Archive } from "../archive/archive.ts";
import { actorKind } from "../blueprint/actor-kind.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import type { BlueprintRegistry } from "../blueprint/registry.ts";
import { RuntimeError } from "../errors.ts";
import type { HistoryEntry, JobSummary, StoredJob } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { keptChildren } from "./rejoin.ts";
import type { StartedJob } from "./runtime.ts";
import type { TurnRunner } from "./turn-runner.ts";

export interface QuarantineQuery {
  readonly blueprint?: string;
  /** Only those that ended in this error. */
  readonly code?: string;
  /** The most jobs to look at: fewer are returned where `code` leaves some out. */
  readonly limit: number;
  /** The `next` of the page before. */
  readonly cursor?: string;
}

export interface QuarantinedJob extends JobSummary {
  /** Why. */
  readonly error: Failure;
}

export interface QuarantinePage {
  /** Newest first. */
  readonly jobs: readonly QuarantinedJob[];
  readonly next?: string;
}

/** What is to be changed before the work is done again. */
export interface RedriveEdit {
  /** In place of the params of the task, or the input of the job, that failed. */
  readonly params?: unknown;
  /** Who asks, for the record. */
  readonly by?: string;
}

export interface RedrivenJobs {
  readonly redriven: readonly string[];
  readonly refused: readonly { readonly jobId: string; readonly error: RuntimeError }[];
  /** The query's next page, where there is one. */
  readonly next?: string;
}

export interface QuarantineService {
  list(query: QuarantineQuery): Promise<QuarantinePage>;
  /**
   * Take a job up that ended in an error: as it was before, with the work that failed, and whatever else ran, started
   * anew. Resolves when that is durable.
   *
   * @throws RuntimeError `job.not_found`, `job.not_redrivable`, `request.invalid` for params where none can be edited,
   *   `blueprint.not_found`, `blueprint.shape_changed`
   */
  redrive(jobId: string, edit: RedriveEdit): Promise<StartedJob>;
  /** The same with every job of a page, one after the other. */
  redriveAll(query: QuarantineQuery, edit: RedriveEdit): Promise<RedrivenJobs>;
}

export interface QuarantineOptions {
  readonly store: Store;
  /** Where child jobs may have gone that have done their work. */
  readonly archive?: Archive;
  readonly blueprints: BlueprintRegistry;
  readonly turns: TurnRunner;
}

const historyPage = 500;

/** The step that ended a job, and what was before it. */
interface Failing {
  readonly before: Envelope;
  readonly last: HistoryEntry;
  /** What the children of `before` were started by, by their ids. */
  readonly started: Readonly<Record<string, StartOfChild>>;
  /** The job's last one. */
  readonly revision: number;
}

export class Quarantine implements QuarantineService {
  readonly #options: QuarantineOptions;

  constructor(options: QuarantineOptions) {
    this.#options = options;
  }

  async list({ code, ...query }: QuarantineQuery): Promise<QuarantinePage> {
    const { store } = this.#options;
    const page = await store.listJobs({ ...query, status: "quarantined" });
    const jobs = await Promise.all(page.jobs.map(({ jobId }) => store.loadJob(jobId)));
    return {
      jobs: jobs.flatMap((job) => {
        const error = job && decodeEnvelope(job.envelope).error;
        // It may have been driven again meanwhile.
        if (!error || (code !== undefined && error.code !== code)) return [];
        return [{ ...job.summary, error }];
      }),
      ...(page.next !== undefined && { next: page.next }),
    };
  }

  async redrive(jobId: string, edit: RedriveEdit): Promise<StartedJob> {
    const { store, blueprints, turns } = this.#options;
    const job = await store.loadJob(jobId);
    if (!job) throw new RuntimeError("job.not_found", `There is no job "${jobId}".`, { jobId });
    const { blueprint: name, version, status } = job.summary;
    const ended = decodeEnvelope(job.envelope);
    if (ended.status !== "error") throw notRedrivable(jobId, `it is ${status}`);
    const blueprint = blueprints.require(name, version);
    refuseOtherShape(ended, blueprint);
    const failing = await this.#failing(job, ended);
    const keeps = await keptChildren(failing.before, blueprint, this.#options);
    const message = redriveMessage(failing, { blueprint, keeps }, edit);
    const delivery = await turns.deliver(jobId, { kind: "message", message });
    const after = await store.loadJob(jobId);
    if (delivery.outcome !== "stepped" || !after)
      throw notRedrivable(jobId, "somebody else has driven it again just now");
    const { status: now, currentState } = after.summary;
    return { jobId, revision: after.revision, status: now, currentState };
  }

  async redriveAll(query: QuarantineQuery, edit: RedriveEdit): Promise<RedrivenJobs> {
    const { jobs, next } = await this.list(query);
    const redriven: string[] = [];
    const refused: { jobId: string; error: RuntimeError }[] = [];
    for (const { jobId } of jobs)
      try {
        await this.redrive(jobId, edit);
        redriven.push(jobId);
      } catch (error) {
        if (!(error instanceof RuntimeError)) throw error;
        refused.push({ jobId, error });
      }
    return { redriven, refused, ...(next !== undefined && { next }) };
  }

  /** Replay the job up to its failure. */
  async #failing(job: StoredJob, ended: Envelope): Promise<Failing> {
    const { blueprints } = this.#options;
    const { blueprint: name, jobId } = ended;
    const replay = new Replay((of) => blueprints.require(name, of).machine, bornAs(ended));
    let before: Envelope | undefined;
    /** The latest: the job may have been driven again before. */
    let found: Failing | undefined;
    for await (const last of this.#history(job)) {
      const { started } = replay;
      replay.take(last);
      const after = replay.envelope;
      // Notes may follow the failure, and before it is the end the job may wait for children.
      if (before && !isOver(before) && isOver(after)) {
        const isError = (after.ending ?? after.status) === "error";
        found = isError ? { before, last, started, revision: job.revision } : undefined;
      }
      before = after;
    }
    const isOpen = found && Object.values(found.before.children).some(({ settled }) => !settled);
    if (!found || !isOpen)
      throw notRedrivable(jobId, "it failed at nothing that could be done again");
    return found;
  }

  async *#history(job: StoredJob): AsyncGenerator<HistoryEntry> {
    const { store } = this.#options;
    const { jobId } = job.summary;
    for (let after = 0; after < job.revision; after += historyPage)
      yield* await store.history(jobId, after, historyPage);
  }
}

const isOver = ({ status, ending }: Envelope): boolean =>
  status !== "active" || ending !== undefined;

function redriveMessage(
  { before, last, started, revision }: Failing,
  { blueprint, keeps }: { readonly blueprint: Blueprint; readonly keeps: readonly string[] },
  edit: RedriveEdit,
): Message & { readonly type: "redrive" } {
  const open = Object.entries(before.children).filter(
    ([id, { settled }]) => !settled && !keeps.includes(id),
  );
  const message = {
    type: "redrive",
    failed: revision,
    envelope: encodeEnvelope(before),
    failedAt: last.now,
    inputs: Object.fromEntries(open.map(([id]) => [id, started[id]?.input])),
    ...(keeps.length > 0 && { keeps }),
    ...(edit.by !== undefined && { by: edit.by }),
  } as const;
  if (edit.params === undefined) return message;
  const named = "child" in last.message ? last.message.child : undefined;
  const id = named ?? (open.length === 1 ? open[0]![0] : undefined);
  const child = id === undefined ? undefined : before.children[id];
  const edited = child && editedInput(blueprint, child.src, message.inputs[id!], edit.params);
  if (id === undefined || !edited)
    throw new RuntimeError(
      "request.invalid",
      `Job ${before.jobId} failed at nothing that has params. Drive it again without any.`,
      { jobId: before.jobId },
    );
  return { ...message, inputs: { ...message.inputs, [id]: edited.input }, edited: id };
}

/** What a task or job is started with, its params replaced. */
function editedInput(
  { machine }: Blueprint,
  src: string,
  input: unknown,
  params: unknown,
): { readonly input: unknown } | undefined {
  const kind = actorKind(machine, src);
  if (kind.kind !== "task" && kind.kind !== "job") return undefined;
  if (kind.definition) return { input: params };
  const request = input as Readonly<Record<string, unknown>>;
  return { input: { ...request, [kind.kind === "task" ? "params" : "input"]: params } };
}

function refuseOtherShape({ jobId, version, shape }: Envelope, blueprint: Blueprint): void {
  const { name, fingerprint } = blueprint;
  if (fingerprint.shape === shape) return;
  throw new RuntimeError(
    "blueprint.shape_changed",
    `Job ${jobId} ran "${name}" version "${version}" in another shape. Serve that one to drive it again.`,
    { jobId, blueprint: name, version },
  );
}

function notRedrivable(jobId: string, why: string): RuntimeError {
  return new RuntimeError("job.not_redrivable", `Job ${jobId} cannot be driven again: ${why}.`, {
    jobId,
  });
}
