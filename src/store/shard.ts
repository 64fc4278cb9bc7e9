// Which shard holds what: told by the id of a job, and by the ids of all that belongs to the job.

import { RuntimeError } from "../errors.ts";

/** The most shards that a store may have: two digits of base 36 name them, with room to spare in every id. */
export const shardsMax = 1024;

const prefix = /^([0-9a-z]{1,2})_/;

/**
 * The shard of a job, or of a task, timer or message of it, whose ids begin with the job's.
 *
 * @returns 0 for an id that names no shard
 */
export function shardOf(id: string): number {
  const match = prefix.exec(id);
  return match ? Number.parseInt(match[1]!, 36) : 0;
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
