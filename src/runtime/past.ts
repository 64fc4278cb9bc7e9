// The past of jobs: replayed from their histories, live or archived, and begun again from wherever they were.
import { activeStates } from "../actor/active-states.ts";
import { decodeEnvelope } from "../actor/codec.ts";
import { currentState } from "../actor/current-state.ts";
import type { Effect } from "../actor/effect.ts";
import type { Child, Envelope, Origin } from "../actor/envelope.ts";
import { bornAs, Replay } from "../actor/replay.ts";
import type { Archive } from "../archive/archive.ts";
import { actorKind, workName } from "../blueprint/actor-kind.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import { drawnId } from "../blueprint/chart.ts";
import { jobData } from "../blueprint/job-data.ts";
import type { BlueprintRegistry } from "../blueprint/registry.ts";
import { RuntimeError } from "../errors.ts";
import type { Ids } from "../id.ts";
import type { HistoryEntry, StoredJob } from "../store/records.ts";
import { shardOf } from "../store/shard.ts";
import type { Store } from "../store/store.ts";
import type {
  JobMomentView,
  JobStepView,
  PastService,
  RestartJob,
  StartedWork,
} from "./past-service.ts";
import { isStillThere, ReplayMarks, type ReplayMark } from "./replay-marks.ts";
import { restartMessage } from "./restart-message.ts";
import type { StartedJob } from "./runtime.ts";
import type { TurnRunner } from "./turn-runner.ts";

export interface PastOptions {
  readonly store: Store;
  readonly archive?: Archive;
  readonly blueprints: BlueprintRegistry;
  readonly turns: TurnRunner;
  readonly ids: Ids;
  /** How long idempotency keys are kept at least, in milliseconds. */
  readonly keyMs: number;
}

/** History is read and replayed in pages of so many entries; between two of them the node does other things. */
const pageSize = 500;

/** A step, replayed. */
interface Replayed {
  readonly entry: HistoryEntry;
  readonly before: Envelope | undefined;
  readonly envelope: Envelope;
  readonly blueprint: Blueprint;
  readonly effects: readonly Effect[];
}

export class Past implements PastService {
  readonly #options: PastOptions;
  readonly #marks = new ReplayMarks();

  constructor(options: PastOptions) {
    this.#options = options;
  }

  async steps(jobId: string, after: number, limit: number): Promise<readonly JobStepView[]> {
    const steps: JobStepView[] = [];
    const { walk, last } = await this.#replay(jobId, after);
    if (limit < 1 || after >= last) return [];
    for await (const step of walk()) {
      const { entry } = step;
      if (entry.revision <= after) continue;
      steps.push({ ...entry, previousState: stateBefore(step), started: startedBy(step) });
      if (steps.length >= limit) break;
    }
    return steps;
  }

  async at(jobId: string, revision: number): Promise<JobMomentView> {
    const { step, replay } = await this.#at(jobId, revision);
    const { entry, envelope, blueprint } = step;
    const { value, context, output, error, timers, children, deferred = [], version } = envelope;
    const running = Object.entries(children).filter(([, { settled }]) => !settled);
    return {
      jobId,
      blueprint: blueprint.name,
      version,
      revision,
      at: entry.now,
      message: entry.message,
      previousState: stateBefore(step),
      currentState: entry.currentState,
      status: entry.status,
      stateValue: value,
      activeStates: activeStates(blueprint.machine, value).nodes.map(drawnId),
      ...jobData(blueprint, context),
      ...(output !== undefined && { output }),
      ...(error && { error }),
      started: startedBy(step),
      running: running.flatMap(([child, { src }]) =>
        workOf(blueprint, { child, src, input: replay.started[child]?.input }),
      ),
      timers: Object.values(timers)
        .flat()
        .map(({ event, due }) => ({ event: event.type, due })),
      deferredEvents: deferred.map(({ type }) => type),
    };
  }

  async restart(request: RestartJob): Promise<StartedJob> {
    const { store, turns, ids, keyMs } = this.#options;
    const { jobId: other, revision, idempotencyKey } = request;
    const { step, replay } = await this.#at(other, revision);
    const { blueprint, envelope, entry } = step;
    const { started } = replay;
    const message = restartMessage(request, { blueprint, envelope, takenAt: entry.now, started });
    const fresh = ids.job(Math.min(shardOf(other), store.shards - 1));
    const key = `restart\n${other}\n${idempotencyKey}`;
    const jobId = idempotencyKey === undefined ? fresh : await store.claimKey(key, fresh, keyMs);
    const { name, version, fingerprint } = blueprint;
    const origin: Origin = { jobId, blueprint: name, version, shape: fingerprint.shape };
    const begun = await turns.begin(blueprint, origin, message);
    const job = begun === "exists" ? await this.#stored(jobId) : begun;
    const { status, currentState: state } = job.summary;
    return { jobId, revision: job.revision, status, currentState: state };
  }

  async #at(jobId: string, revision: number) {
    const { walk, replay, last } = await this.#replay(jobId, revision - 1);
    if (revision >= 1 && revision <= last)
      for await (const step of walk())
        if (step.entry.revision === revision) return { step, replay };
    throw new RuntimeError(
      "job.revision_not_found",
      `Job ${jobId} has no revision ${revision}: its last one is ${last}.`,
      { jobId, revision, last },
    );
  }

  /** @param after the replay may begin behind this revision. */
  async #replay(jobId: string, after: number) {
    const job = await this.#stored(jobId);
    const origin = bornAs(decodeEnvelope(job.envelope));
    const { blueprint: name, version, shape } = origin;
    const blueprintOf = (of: string): Blueprint => this.#options.blueprints.require(name, of);
    refuseOtherShape(jobId, blueprintOf(version), shape);
    const mark = await this.#markOf(job, after);
    const replay = mark?.replay.fork() ?? new Replay((of) => blueprintOf(of).machine, origin);
    const entries = (from: number) => this.#entries(job, from, pageSize);
    const marks = this.#marks;
    return { replay, last: job.revision, walk };

    async function* walk(): AsyncGenerator<Replayed> {
      let before = mark && replay.envelope;
      let taken = mark?.entry;
      try {
        for (
          let page = await entries(before?.revision ?? 0);
          page.length > 0;
          page = await entries(before!.revision)
        )
          for (const entry of page) {
            const effects = replay.take(entry);
            const { envelope } = replay;
            const blueprint = blueprintOf(envelope.version);
            if (before?.version !== envelope.version)
              refuseOtherShape(jobId, blueprint, envelope.shape);
            refuseOtherState(envelope, entry);
            taken = entry;
            yield { entry, before, envelope, blueprint, effects };
            before = envelope;
          }
      } finally {
        if (taken && replay.envelope.revision === taken.revision) {
          const { revision, epoch, now } = taken;
          marks.keep({ jobId, entry: { revision, epoch, now }, replay: replay.fork() });
        }
      }
    }
  }

  /** The nearest place where a replay of the job has stopped. */
  async #markOf(job: StoredJob, after: number): Promise<ReplayMark | undefined> {
    for (;;) {
      const mark = this.#marks.nearest(job.summary.jobId, after);
      if (!mark) return undefined;
      const [found] = await this.#entries(job, mark.entry.revision - 1, 1);
      if (isStillThere(mark, found)) return mark;
      this.#marks.forget(mark);
    }
  }

  async #entries(job: StoredJob, after: number, limit: number): Promise<readonly HistoryEntry[]> {
    const { store, archive } = this.#options;
    const { jobId } = job.summary;
    if (after >= job.revision) return [];
    const live = await store.history(jobId, after, limit);
    return live.length > 0 ? live : ((await archive?.history(jobId, after, limit)) ?? []);
  }

  async #stored(jobId: string): Promise<StoredJob> {
    const { store, archive } = this.#options;
    const job = (await store.loadJob(jobId)) ?? (await archive?.load(jobId));
    if (job) return job;
    throw new RuntimeError("job.not_found", `There is no job "${jobId}".`, { jobId });
  }
}

const stateBefore = ({ before }: Replayed): string => (before ? currentState(before.value) : "");

function startedBy({ effects, blueprint }: Replayed): readonly StartedWork[] {
  return effects.flatMap((effect) =>
    effect.type === "start_child" ? workOf(blueprint, effect) : [],
  );
}

function workOf(
  { machine }: Blueprint,
  { child, src, input }: Pick<Child, "src"> & { readonly child: string; readonly input: unknown },
): readonly StartedWork[] {
  const { kind } = actorKind(machine, src);
  if (kind === "unsupported") return [];
  const names = workName(machine, src, input);
  return names.map((name) => ({ child, kind: kind === "task_list" ? "task" : kind, name }));
}

function refuseOtherShape(jobId: string, { name, version, fingerprint }: Blueprint, shape: string) {
  if (fingerprint.shape === shape) return;
  throw new RuntimeError(
    "blueprint.shape_changed",
    `Job ${jobId} ran "${name}" version "${version}" in another shape, so what it was then can't be told.`,
    { jobId, blueprint: name, version, shape: fingerprint.shape, ranWith: shape },
  );
}

function refuseOtherState({ value, revision, jobId }: Envelope, entry: HistoryEntry): void {
  const state = currentState(value);
  if (state === entry.currentState && revision === entry.revision) return;
  throw new RuntimeError(
    "replay.diverged",
    `Revision ${entry.revision} of job ${jobId} leads to "${state}" now, and led to "${entry.currentState}" then.`,
    { jobId, revision: entry.revision },
  );
}
