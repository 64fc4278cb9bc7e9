// The port to what keeps jobs that have left the live store.
import type { HistoryEntry, JobSummary, StoredJob } from "../store/records.ts";
import type { JobQuery } from "../store/store.ts";

/** A job that will never move again, as it leaves the live store. */
export interface EndedJob {
  readonly job: StoredJob;
  /** Every entry, oldest first. */
  readonly history: readonly HistoryEntry[];
  /** The style of its blueprint, where that is known: without it nobody could tell what its context means. */
  readonly style?: "native" | "flow";
}

export interface ArchivedJob extends StoredJob {
  readonly style?: "native" | "flow";
  /** Store time when it was archived, in milliseconds since 1970. */
  readonly archivedAt: number;
}

export interface ArchivedSummary extends JobSummary {
  readonly archivedAt: number;
}

export interface ArchivePage {
  /** Newest first. */
  readonly jobs: readonly ArchivedSummary[];
  readonly next?: string;
}

/**
 * Keeps ended jobs for as long as whoever runs its database wants.
 *
 * Every call throws RuntimeError `archive.unavailable` while the database can't be reached or is in trouble, and
 * `archive.format_newer` where a newer release has written it.
 */
export interface Archive {
  /**
   * Keep jobs with their histories, in place of what there is of them: doing it again changes nothing. All of them become
   * durable or none does.
   *
   * @param at store time, in milliseconds since 1970
   * @throws RuntimeError `archive.refused` where the database will never take one of them
   */
  put(jobs: readonly EndedJob[], at: number): Promise<void>;
  load(jobId: string): Promise<ArchivedJob | undefined>;
  /** Entries with a revision above `after`, oldest first. */
  history(jobId: string, after: number, limit: number): Promise<readonly HistoryEntry[]>;
  /** @throws RuntimeError `request.invalid` for a cursor that no page ended with */
  list(query: JobQuery): Promise<ArchivePage>;
  close(): Promise<void>;
}
