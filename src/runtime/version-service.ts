// What the edges may ask about versions of blueprints: their shapes, where running jobs stand, and to migrate them.
import type { MigrationProblem } from "../blueprint/migration.ts";
import type { StateShape } from "../blueprint/shape.ts";
import type { Standing } from "../blueprint/standing.ts";
import type { JobStatus } from "../store/records.ts";

/** A running job with all that another version of its blueprint has to have a place for. */
export interface StandingJob {
  readonly jobId: string;
  readonly blueprint: string;
  readonly version: string;
  /** The hash of the shape that it runs. */
  readonly shape: string;
  readonly status: JobStatus;
  readonly currentState: string;
  readonly standing: Standing;
}

export interface StandingsQuery {
  /** Only jobs of this one. */
  readonly blueprint?: string;
  /** The `next` of the page before. */
  readonly cursor?: string;
  /** How many jobs are looked at, ended ones included; 1000 at most. */
  readonly limit: number;
}

export interface Page<Row> {
  /** Newest first. It may be empty while there is a `next`. */
  readonly jobs: readonly Row[];
  readonly next?: string;
}

export interface MigrateJobs extends StandingsQuery {
  readonly blueprint: string;
  readonly from: string;
  /** The newest where absent. */
  readonly to?: string;
  /** Only tell what would become of each. */
  readonly dryRun: boolean;
  /** Who asks, for the record. */
  readonly by: string;
}

export interface MigratedJob {
  readonly jobId: string;
  readonly outcome: "migrated" | "would_migrate" | "refused";
  /** Where it was. */
  readonly currentState: string;
  /** Where it is, or would be; absent where it was refused. */
  readonly newState?: string;
  /** Children that end with the old version, and begin with the new one. */
  readonly stops?: readonly string[];
  readonly starts?: readonly string[];
  /** Why it stays as it is. */
  readonly problems?: readonly MigrationProblem[];
}

export interface VersionShape {
  readonly name: string;
  readonly version: string;
  readonly states: readonly StateShape[];
}

export interface VersionService {
  /**
   * The shape of a version that is served, or that the store still keeps because it was.
   *
   * @param version the newest that is served where absent
   * @throws RuntimeError `blueprint.not_found`
   */
  shape(blueprint: string, version: string | undefined): Promise<VersionShape>;
  /** Where the running jobs of a page stand. */
  standings(query: StandingsQuery): Promise<Page<StandingJob>>;
  /**
   * Let the running jobs of a page that are of one version go on as another, each by a commit of its own; a job that cannot stays
   * as it is. Doing it again goes on with those that are left.
   *
   * @throws RuntimeError `blueprint.not_found`, `request.invalid` where both versions are the same
   */
  migrate(request: MigrateJobs): Promise<Page<MigratedJob> & { readonly to: string }>;
}
