// Names for new things. Ids come in as values, so that tests and simulations can fix them.
import { v5, v7 } from "uuid";

/** A source of new job ids: `<shard>_<time-ordered id>`, so that an id tells which shard holds the job. */
export interface Ids {
  job(shard: number): string;
}

export const randomIds: Ids = {
  job: (shard) => `${shard.toString(36)}_${v7({ random: randomBytes() }).replaceAll("-", "")}`,
};

/** Names the space of child ids, so that no other use of hashes comes to the same. */
const childIds = "6f1c1e52-6f0e-5f0b-9a36-0c2f6f3c7a10";

/**
 * The id of the child job that a generation stands for: always the same, so that starting it twice makes one job.
 *
 * @param shards over how many shards children are spread.
 */
export function childJobId(generation: string, shards = 1): string {
  const hash = v5(generation, childIds).replaceAll("-", "");
  const shard = Number.parseInt(hash.slice(0, 8), 16) % shards;
  return `${shard.toString(36)}_${hash}`;
}

const bytesPerId = 16;
/** Randomness for many ids at once: asking the system for it costs more than the rest of an id. */
const pool = new Uint8Array(256 * bytesPerId);
let unused = 0;

function randomBytes(): Uint8Array {
  if (unused === 0) {
    crypto.getRandomValues(pool);
    unused = pool.length;
  }
  unused -= bytesPerId;
  // A copy: the id's making changes its bytes.
  return pool.slice(unused, unused + bytesPerId);
}
