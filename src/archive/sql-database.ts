// What the archive asks of an SQL database; each kind is one implementation.
import { RuntimeError } from "../errors.ts";

export interface Statement {
  /** With `?` where a value stands. */
  readonly text: string;
  readonly values: readonly (string | number | null)[];
}

export type Row = Readonly<Record<string, unknown>>;

export interface SqlDatabase {
  /** The type of a text column that sorts by code units. */
  readonly sortedText: string;
  /** What comes first in a transaction that changes the schema, so that one node at a time does. */
  readonly schemaLock: readonly Statement[];
  /** Run statements in one transaction. Resolves when it is durable. */
  write(statements: readonly Statement[]): Promise<void>;
  read(statement: Statement): Promise<readonly Row[]>;
  close(): Promise<void>;
}

/** A statement without values. */
export function sql(text: string): Statement {
  return { text, values: [] };
}

/** The database can't be used now. */
export function unavailable(cause: unknown): RuntimeError {
  return new RuntimeError(
    "archive.unavailable",
    `The archive can't be used now (${reasonOf(cause)}). Jobs stay in the live store until it can.`,
    {},
    { cause },
  );
}

/** The database does not take a value, now or ever. */
export function refused(cause: unknown): RuntimeError {
  return new RuntimeError(
    "archive.refused",
    `The archive does not take the job (${reasonOf(cause)}). It stays in the live store.`,
    {},
    { cause },
  );
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { code } = cause as Error & { readonly code?: unknown };
  return cause.message || (typeof code === "string" ? code : cause.name);
}
