// Idempotency keys, each kept for as long as its job is there, and for a time at least.
import { keptKey, sweptAtOnce } from "../claimed-key.ts";
import type { KeyPage } from "../dump.ts";
import type { Batch } from "./batch.ts";
import { keys, last, type Key, type Tables } from "./tables.ts";

interface Claim {
  readonly jobId: string;
  readonly until: number;
}

export function claimKey(batch: Batch, key: string, jobId: string, forMs: number): string {
  const { tables, now } = batch;
  const over = tables.range(keys.claimedAt(0, ""), keys.claimedAt(now, last), sweptAtOnce);
  for (const { key: place } of over) sweep(batch, place, forMs);
  const kept = keptKey(key);
  const first = claimOf(tables.get(keys.claimed(kept)));
  if (first && isKept(tables, first, now)) return first.jobId;
  const until = now + forMs;
  tables.put(keys.claimed(kept), `${jobId}\n${until}`);
  tables.put(keys.claimedAt(until, kept), "");
  return jobId;
}

/** Look at a key that was to be looked at by now: forget it, or look again later where its job is still there. */
function sweep({ tables, now }: Batch, place: Key, forMs: number): void {
  const kept = String(place[2]);
  tables.remove(place);
  const claim = claimOf(tables.get(keys.claimed(kept)));
  // One that was claimed anew meanwhile has a place of its own.
  if (!claim || claim.until > now) return;
  if (isKept(tables, claim, now)) tables.put(keys.claimedAt(now + forMs, kept), "");
  else tables.remove(keys.claimed(kept));
}

export function listKeys(tables: Tables, now: number, limit: number, cursor = ""): KeyPage {
  // The range begins with the key that the page before ended with.
  const rows = tables.range(keys.claimed(cursor), keys.claimed(last), limit + 2);
  const found = rows
    .map(({ key, value }) => ({ key: String(key[1]), claim: claimOf(value)! }))
    .filter(({ key }) => key !== cursor);
  const page = found.slice(0, limit);
  const next = found.length > limit ? page.at(-1)?.key : undefined;
  const kept = page.filter(({ claim }) => isKept(tables, claim, now));
  return {
    keys: kept.map(({ key, claim }) => ({ key, jobId: claim.jobId })),
    ...(next !== undefined && { next }),
  };
}

function isKept(tables: Tables, { jobId, until }: Claim, now: number): boolean {
  return until > now || tables.get(keys.job(jobId)) !== undefined;
}

function claimOf(row: string | undefined): Claim | undefined {
  if (row === undefined) return undefined;
  const [jobId = "", until = 0] = row.split("\n");
  return { jobId, until: Number(until) };
}
