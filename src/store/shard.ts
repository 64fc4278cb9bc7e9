// Which shard holds what: told by the id of a job, and by the ids of all that belongs to the job.

import { RuntimeError } from "../errors.ts";

/** The most shards that a store may have: two digits of base 36 name them, with room to spare in every id. */
export const shardsMax = 1024;

/**
 * The shard of a job, or of a task, timer or message of it, whose ids begin with the job's: one or two digits of base 36
 * and an underscore. Every message and every row asks.
 *
 * @returns 0 for an id that names no shard
 */
export function shardOf(id: string): number {
  const first = digit(id.charCodeAt(0));
  if (id.charCodeAt(1) === underscore) return first < 0 ? 0 : first;
  const second = digit(id.charCodeAt(1));
  if (id.charCodeAt(2) !== underscore || first < 0 || second < 0) return 0;
  return first * 36 + second;
}

const underscore = "_".charCodeAt(0);

/** What a digit of base 36 counts, or -1 for any other character. */
function digit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  return code >= 97 && code <= 122 ? code - 87 : -1;
}

/** The shard that a text is always given as long as the number of shards stays the same (FNV-1a). */
export function shardFor(text: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  return hash % shards;
}

/** The refusal of a job whose shard a store does not have. */
export function tooFewShards(shard: number, shards: number): RuntimeError {
  return new RuntimeError(
    "config.invalid",
    `A job lies in shard ${shard}, and the store has ${shards} of them. Set SHARDS to at least ${shard + 1}, here and at every server of the store.`,
    { shard, shards },
  );
}
