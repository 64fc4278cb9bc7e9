// How stores keep idempotency keys: one form in all of them, so that keys can move from store to store.
import { createHash } from "node:crypto";

/** Longer keys are kept as their hash, because the keys of some stores are short. */
const keyCharsMax = 200;

/** How long a key is kept at least where nothing else is asked for, in milliseconds: longer than a start is tried again. */
export const keptForMs = 24 * 3_600_000;
/** Whoever claims a key looks at so many others whose time is over: more are forgotten than are claimed. */
export const sweptAtOnce = 4;

/** The form in which a key is kept. What is kept already stays as it is. */
export function keptKey(key: string): string {
  if (key.length <= keyCharsMax) return key;
  return `sha256:${createHash("sha256").update(key).digest("hex")}`;
}
