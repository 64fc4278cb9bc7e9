// How long a job is kept once it has ended.
import type { Op } from "../store/commit.ts";
import { isFinished, type JobStatus } from "../store/records.ts";

/** In milliseconds. */
export type Retention = number | "forever";

/**
 * What the commit that ends a job says besides. Jobs in quarantine are kept: whoever is to look at them finds them there.
 *
 * @param now store time of the commit, in milliseconds since 1970
 */
export function retentionOps(retention: Retention, status: JobStatus, now: number): readonly Op[] {
  if (retention === "forever" || !isFinished(status) || status === "quarantined") return [];
  return [{ op: "keep_until", due: now + retention }];
}
