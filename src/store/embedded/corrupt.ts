// What damaged data looks like, when a directory is opened and when its rows are read.
import { RuntimeError } from "../../errors.ts";

/** LMDB's codes for a file that is not what it should be. */
export const corruptCodes: ReadonlySet<unknown> = new Set([-30797, -30796, -30794, -30793]);

/** LMDB's codes while a damaged file is read: those, a transaction that came to harm, and a panic. */
const readCodes = new Set([...corruptCodes, -30795, -30782]);

/** The refusal of data that cannot be read. */
export function corrupt(directory: string, why: string, cause?: unknown): RuntimeError {
  return new RuntimeError(
    "store.corrupt",
    `The data directory ${directory} cannot be read: ${why}. Restore it from a backup, or move it away to start with an empty one.`,
    { directory },
    { cause },
  );
}

/**
 * Read rows that only this package writes.
 *
 * @throws RuntimeError `store.corrupt` where LMDB finds damage, or where a row is not the JSON that was written
 */
export function undamaged<Answer>(directory: string, read: () => Answer): Answer {
  try {
    return read();
  } catch (cause) {
    const { code, message } = cause as Error & { readonly code?: unknown };
    const isDamage = cause instanceof SyntaxError || readCodes.has(code);
    throw isDamage ? corrupt(directory, `it is damaged (${message})`, cause) : cause;
  }
}
