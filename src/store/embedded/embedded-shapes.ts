// The shapes of versions in LMDB: a row for each.
import type { Shapes } from "../shapes.ts";
import type { Batch } from "./batch.ts";
import { keys, last, type Tables } from "./tables.ts";

/**
 * @param read the tables, for as long as the store is open
 * @param write applies something as a part of the next transaction
 */
export function embeddedShapes(
  read: () => Tables,
  write: <Answer>(apply: (batch: Batch) => Answer) => Promise<Answer>,
): Shapes {
  return {
    async all() {
      const rows = read().range(keys.shape(""), keys.shape(last));
      return new Map(rows.map(({ key, value }) => [String(key[1]), value]));
    },
    async swap(version, was, is) {
      return write(({ tables }) => {
        const kept = tables.get(keys.shape(version));
        if (kept !== was) return kept;
        if (is === undefined) tables.remove(keys.shape(version));
        else tables.put(keys.shape(version), is);
        return is;
      });
    },
  };
}
