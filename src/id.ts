// Names for new things. Ids come in as values, so that tests and simulations can fix them.
import { v7 } from "uuid";

/** A source of new job ids: `<shard>_<time-ordered id>`, so that an id tells which shard holds the job. */
export interface Ids {
  job(shard: number): string;
}

export const randomIds: Ids = {
  job: (shard) => `${shard.toString(36)}_${v7({ random: randomBytes() }).replaceAll("-", "")}`,
};

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
