// Versions of blueprints beside running jobs: where each job stands, and how it goes on as another version.
import { decodeEnvelope } from "../actor/codec.ts";
import { currentState } from "../actor/current-state.ts";
import type { Envelope } from "../actor/envelope.ts";
import { step } from "../actor/step.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import { decodeVersion, versionName } from "../blueprint/kept-version.ts";
import { planMigration, type MigrationProblem } from "../blueprint/migration.ts";
import type { BlueprintRegistry } from "../blueprint/registry.ts";
import { readShape } from "../blueprint/shape.ts";
import { standingOf } from "../blueprint/standing.ts";
import { RuntimeError } from "../errors.ts";
import { isFinished, type StoredJob } from "../store/records.ts";
import { shardOf } from "../store/shard.ts";
import type { Store } from "../store/store.ts";
import { Turn } from "./turn.ts";
import type { TurnRunner } from "./turn-runner.ts";
import type {
  MigratedJob,
  MigrateJobs,
  Page,
  StandingJob,
  StandingsQuery,
  VersionService,
  VersionShape,
} from "./version-service.ts";

export interface VersionsOptions {
  readonly store: Store;
  readonly blueprints: BlueprintRegistry;
  readonly turns: TurnRunner;
}

/** So many jobs are read or migrated at once. */
const atOnce = 32;

export class Versions implements VersionService {
  readonly #options: VersionsOptions;

  constructor(options: VersionsOptions) {
    this.#options = options;
  }

  async shape(name: string, wanted: string | undefined): Promise<VersionShape> {
    const { blueprints, store } = this.#options;
    if (wanted !== undefined && !blueprints.get(name, wanted)) {
      const row = (await store.shapes.all()).get(versionName({ name, version: wanted }));
      const kept = row === undefined ? "unreadable" : decodeVersion(row);
      if (typeof kept !== "string") return { name, version: wanted, states: kept.states };
    }
    const { version, machine } = blueprints.require(name, wanted);
    return { name, version, states: readShape(machine) };
  }

  standings(query: StandingsQuery): Promise<Page<StandingJob>> {
    return this.#page(query, undefined, (job, envelope) => {
      const { jobId, blueprint, version, status, currentState: state } = job.summary;
      const { shape } = envelope;
      const standing = standingOf(envelope, this.#running(envelope));
      const about = { jobId, blueprint, version, shape, status, currentState: state };
      return Promise.resolve({ ...about, standing });
    });
  }

  async migrate(request: MigrateJobs) {
    const { blueprint, from, to: wanted, by, dryRun } = request;
    const to = this.#options.blueprints.require(blueprint, wanted);
    if (to.version === from)
      throw new RuntimeError(
        "request.invalid",
        `Jobs of "${blueprint}" version "${from}" are of that version already.`,
      );
    const page = await this.#page(request, from, (job, envelope) =>
      dryRun
        ? Promise.resolve(this.#tried(envelope, to, by).told)
        : this.#migrated(job.summary.jobId, envelope, to, by),
    );
    return { ...page, to: to.version };
  }

  /** What would become of a job, and how, where anything does. */
  #tried(envelope: Envelope, to: Blueprint, by: string) {
    const { jobId } = envelope;
    const from = this.#running(envelope);
    const state = currentState(envelope.value);
    const refused = (problems: readonly MigrationProblem[]) => ({
      told: { jobId, outcome: "refused", currentState: state, problems } satisfies MigratedJob,
    });
    const plan = planMigration(envelope, from, to, by);
    if ("problems" in plan) return refused(plan.problems);
    const { store } = this.#options;
    const shard = shardOf(jobId);
    const at = { now: store.now(shard), epoch: store.epoch(shard) };
    const result = stepped(() => step(to.machine, envelope, plan.message, at));
    if ("threw" in result)
      return refused([{ code: "machine_threw", state: "", message: result.threw }]);
    const names = (type: string): readonly string[] =>
      result.effects.flatMap((one) => (one.type === type && "child" in one ? [one.child] : []));
    const told = {
      jobId,
      outcome: "would_migrate",
      currentState: state,
      newState: currentState(result.envelope.value),
      stops: names("stop_child"),
      starts: names("start_child"),
    } satisfies MigratedJob;
    return { told, plan, from };
  }

  /** @returns undefined where the job has ended meanwhile, or is of another version by now. */
  async #migrated(
    jobId: string,
    { version }: Envelope,
    to: Blueprint,
    by: string,
  ): Promise<MigratedJob | undefined> {
    const { store, turns } = this.#options;
    let told: MigratedJob | undefined;
    await turns.change(jobId, async (tools) => {
      told = undefined;
      const job = await store.loadJob(jobId);
      const envelope = job && decodeEnvelope(job.envelope);
      if (!job || envelope?.status !== "active" || envelope.version !== version) return undefined;
      const tried = this.#tried(envelope, to, by);
      ({ told } = tried);
      if (!("plan" in tried)) return undefined;
      told = { ...tried.told, outcome: "migrated" };
      return Turn.migrate(tools(to), job, tried.plan.message, tried.from);
    });
    return told;
  }

  /** The running jobs among the next ones of a list, each as `row` makes of it. */
  async #page<Row>(
    { blueprint, cursor, limit }: StandingsQuery,
    version: string | undefined,
    row: (job: StoredJob, envelope: Envelope) => Promise<Row | undefined>,
  ): Promise<Page<Row>> {
    const { store } = this.#options;
    const { jobs, next } = await store.listJobs({
      limit,
      ...(blueprint !== undefined && { blueprint }),
      ...(cursor !== undefined && { cursor }),
    });
    const wanted = jobs.filter(
      (job) => !isFinished(job.status) && (version ?? job.version) === job.version,
    );
    const rows: Row[] = [];
    for (let from = 0; from < wanted.length; from += atOnce) {
      const some = await Promise.all(
        wanted.slice(from, from + atOnce).map(async ({ jobId }) => {
          const job = await store.loadJob(jobId);
          const envelope = job && decodeEnvelope(job.envelope);
          return envelope?.status === "active" ? row(job!, envelope) : undefined;
        }),
      );
      rows.push(...some.filter((one) => one !== undefined));
    }
    return { jobs: rows, ...(next !== undefined && { next }) };
  }

  /** What a job runs, where it is there in the job's shape. */
  #running({ blueprint, version, shape }: Envelope): Blueprint | undefined {
    const found = this.#options.blueprints.get(blueprint, version);
    return found?.fingerprint.shape === shape ? found : undefined;
  }
}

/** A step after which the job goes on, or has ended as its machine says; or why there is none. */
function stepped(take: () => ReturnType<typeof step>) {
  try {
    const result = take();
    if (result.outcome === "ignored")
      return { threw: "The job only waits for its children to end." };
    const { error } = result.envelope;
    return result.envelope.status === "error" ? { threw: error?.message ?? "" } : result;
  } catch (error) {
    return { threw: error instanceof Error ? error.message : String(error) };
  }
}
