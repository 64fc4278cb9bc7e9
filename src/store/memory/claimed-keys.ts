// Idempotency keys, each kept for as long as its job is there, and for a time at least.
import { keptKey } from "../claimed-key.ts";
import type { KeyPage } from "../dump.ts";
import type { Image } from "./image.ts";

export function claimKey(
  image: Image,
  now: number,
  { key, jobId, forMs }: { readonly key: string; readonly jobId: string; readonly forMs: number },
): string {
  for (const one of image.keys.keys()) if (!isKept(image, one, now)) image.keys.delete(one);
  const kept = keptKey(key);
  const first = image.keys.get(kept) ?? { jobId, until: now + forMs };
  image.keys.set(kept, first);
  return first.jobId;
}

export function listKeys(image: Image, now: number, limit: number, cursor?: string): KeyPage {
  const keys = [...image.keys]
    .map(([key, { jobId }]) => ({ key, jobId }))
    .filter(({ key }) => isKept(image, key, now) && (cursor === undefined || key > cursor))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const page = keys.slice(0, limit);
  const next = keys.length > limit ? page.at(-1)?.key : undefined;
  return { keys: page, ...(next !== undefined && { next }) };
}

function isKept(image: Image, key: string, now: number): boolean {
  const { jobId = "", until = 0 } = image.keys.get(key) ?? {};
  return until > now || image.jobs.has(jobId);
}
