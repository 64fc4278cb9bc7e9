// How long a job is kept once it has ended.
import type { Op } from "../store/commit.ts";
import { isFinished, type JobStatus } from "../store/records.ts";

/** In milliseconds. */
export type Retention = number | "forever";

/**
 * What the commit that ends a job says besides, or that of one that goes on after its end. Jobs in quarantine are kept:
 * whoever is to look at them finds them there.
 *
 * @param before the job's status before the commit; undefined where it is new
 * @param now store time of the commit, in milliseconds since 1970
 */
export function retentionOps(
  retention: Retention,
  before: JobStatus | undefined,
  status: JobStatus,
  now: number,
): readonly Op[] {
  if (retention !== "forever" && isOutlived(status))
    return [{ op: "keep_until", due: now + retention }];
  return before !== undefined && isOutlived(before) ? [{ op: "keep" }] : [];
}

/** Whether jobs of the status are forgotten some day. */
const isOutlived = (status: JobStatus): boolean => isFinished(status) && status !== "quarantined";
