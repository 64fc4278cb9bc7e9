// Takes jobs out of the live store once they have been kept for long enough: into the archive first, where there is one.
import type { Archive, EndedJob } from "../archive/archive.ts";
import type { BlueprintRegistry } from "../blueprint/registry.ts";
import type { Clock } from "../clock.ts";
import { RuntimeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { isFinished } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { backoffMs } from "./backoff.ts";

export interface ArchivistOptions {
  readonly store: Store;
  /** Without one, outlived jobs are forgotten. */
  readonly archive?: Archive;
  readonly blueprints: Pick<BlueprintRegistry, "get">;
  readonly clock: Clock;
  /** A number from 0 up to 1, for jitter. */
  readonly random: () => number;
  readonly log: Logger;
  /** Jobs that were claimed come due again in so many milliseconds, should they still be there. */
  readonly claimed: (jobIds: readonly string[], forMs: number) => void;
}

/** How long a claimed job is kept, should this node not be heard of; more than it takes to work off all that may wait. */
const claimMs = 60_000;
/** The most jobs that wait for the archive. Others are kept longer, and come back. */
const waitingMax = 1_000;
/** What one write of the archive takes at most: it is in memory here, and holds up a database that others use too. */
const batchJobsMax = 100;
const batchCharsMax = 4 * 1024 * 1024;
/** How long the archive is left alone after it failed. */
const rest = { maxAttempts: Number.POSITIVE_INFINITY, initialMs: 1000, factor: 2, maxMs: 600_000 };
/** How long a job stays that the archive does not take. */
const refusedMs = 3_600_000;

/**
 * A job is in the archive before it leaves the store, so a crash between the two loses nothing; doing either again changes
 * nothing. While the archive fails, jobs are simply kept longer: they stand in nobody's way.
 */
export class Archivist {
  readonly #options: ArchivistOptions;
  #found: string[] = [];
  #claiming: Promise<void> | undefined;
  readonly #waiting = new Set<string>();
  #working: Promise<void> | undefined;
  #failures = 0;
  /** On the clock's monotonic time. */
  #restUntil = 0;
  /** Jobs that the archive does not take, and until when they are left alone on monotonic time. */
  readonly #refused = new Map<string, number>();
  #stopped = false;

  constructor(options: ArchivistOptions) {
    this.#options = options;
  }

  /** A job was found outlived. Resolves when it is so no more: it is gone, or claimed, to be archived soon. */
  async outlived(jobId: string): Promise<void> {
    const { archive, store } = this.#options;
    if (!archive) return store.removeJob(jobId);
    this.#found.push(jobId);
    await (this.#claiming ??= this.#claim(archive));
  }

  /** Resolves when the batch that is under way has ended. What waits comes due again. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#working;
  }

  /** Claim what was found: together, because much comes due at once. */
  async #claim(archive: Archive): Promise<void> {
    const { store, clock, random, claimed: tell } = this.#options;
    await Promise.resolve();
    const jobIds = this.#found;
    this.#found = [];
    this.#claiming = undefined;
    const restMs = this.#restUntil - clock.monotonic();
    // Spread over some time, so that they do not all come back at once.
    const forMs = restMs > 0 ? restMs + Math.round(claimMs * random()) : claimMs;
    const claimed = await store.claimOutlived(jobIds, forMs);
    tell(claimed, forMs);
    if (restMs > 0 || this.#stopped) return;
    for (const jobId of claimed)
      if (this.#waiting.size < waitingMax && !this.#isRefused(jobId)) this.#waiting.add(jobId);
    if (this.#waiting.size > 0) this.#working ??= this.#work(archive);
  }

  async #work(archive: Archive): Promise<void> {
    const { clock, random, log } = this.#options;
    while (this.#waiting.size > 0 && !this.#stopped)
      try {
        await this.#move(archive, await this.#nextBatch());
        this.#failures = 0;
      } catch (error) {
        this.#failures++;
        const restMs = backoffMs(rest, this.#failures, random());
        this.#restUntil = clock.monotonic() + restMs;
        this.#waiting.clear();
        log.error({ err: error, restMs }, "archiving failed; ended jobs stay in the live store");
      }
    this.#working = undefined;
  }

  /** Read the jobs that have waited longest, as many as one write takes. */
  async #nextBatch(): Promise<readonly EndedJob[]> {
    const { store, blueprints } = this.#options;
    const batch: EndedJob[] = [];
    let chars = 0;
    for (const jobId of this.#waiting) {
      if (batch.length >= batchJobsMax || chars >= batchCharsMax) break;
      this.#waiting.delete(jobId);
      const dump = await store.exportJob(jobId);
      // Gone, or not yet to go: the actions of a job are in its own name for as long as they are not done.
      if (!dump || dump.messages.length > 0) continue;
      const { job, history } = dump;
      // One that was driven again after its end goes on.
      if (!isFinished(job.summary.status)) continue;
      const style = blueprints.get(job.summary.blueprint, job.summary.version)?.style;
      batch.push({ job, history, ...(style && { style }) });
      chars += JSON.stringify(history).length + job.envelope.length;
    }
    return batch;
  }

  async #move(archive: Archive, batch: readonly EndedJob[]): Promise<void> {
    const { store, clock, log } = this.#options;
    try {
      await archive.put(batch, store.now());
    } catch (error) {
      if (!(error instanceof RuntimeError) || error.code !== "archive.refused") throw error;
      if (batch.length > 1) {
        for (const one of batch) await this.#move(archive, [one]);
        return;
      }
      const { jobId } = batch[0]!.job.summary;
      this.#refused.set(jobId, clock.monotonic() + refusedMs);
      log.error({ err: error, jobId }, "the archive refused a job; it stays in the live store");
      return;
    }
    await Promise.all(batch.map(({ job }) => store.removeJob(job.summary.jobId, job.revision)));
    if (batch.length > 0) log.debug({ jobs: batch.length }, "jobs archived");
  }

  #isRefused(jobId: string): boolean {
    const until = this.#refused.get(jobId);
    if (until === undefined) return false;
    if (until > this.#options.clock.monotonic()) return true;
    this.#refused.delete(jobId);
    return false;
  }
}
