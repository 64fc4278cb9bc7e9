// Names for new things. Ids come in as values, so that tests and simulations can fix them.
import { v7 } from "uuid";

/** A source of new job ids: `<shard>_<time-ordered id>`, so that an id tells which shard holds the job. */
export interface Ids {
  job(shard: number): string;
}

export const randomIds: Ids = {
  job: (shard) => `${shard.toString(36)}_${v7().replaceAll("-", "")}`,
};

/** The shard that a job id names, or undefined when the text is not a job id. */
export function shardOf(jobId: string): number | undefined {
  const match = /^([0-9a-z]+)_[0-9a-z]+$/.exec(jobId);
  return match ? Number.parseInt(match[1]!, 36) : undefined;
}
