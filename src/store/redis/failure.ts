// What a failed call of Redis means: whether to send it again, and what to tell the caller otherwise.
import { ErrorReply } from "redis";
import { RuntimeError } from "../../errors.ts";

/** `again`: send the same call again, after a pause. `reconnect`: likewise, over another connection. */
export type Verdict = "again" | "reconnect" | RuntimeError;

/** Passing states of a server or a cluster, in which it has not done what it was asked. */
const passing =
  /^(TRYAGAIN|CLUSTERDOWN|MASTERDOWN|LOADING|BUSY|NOREPLICAS|MISCONF|MOVED|ASK|UNKILLABLE)\b|^ERR max number of clients/;
/** The server does not write any more: somebody else has become the primary. */
const readOnly = /^(READONLY|UNBLOCKED)\b/;
const denied = /^(NOAUTH|WRONGPASS|NOPERM)\b|user executing the script can't/;
/** What is said of a Redis that is not what the configuration takes it for. */
const mistakes: readonly (readonly [pattern: RegExp, problem: string])[] = [
  [/^ERR DB index is out of range/, "Redis has no database of that number"],
  [
    /^ERR This instance has cluster support disabled/,
    "Redis is no cluster: name it with REDIS_URL or REDIS_HOST instead of REDIS_CLUSTER",
  ],
];

/** What in a verdict does not pass by itself. */
export function refusalOf(verdict: Verdict): RuntimeError | undefined {
  const isRefused = verdict instanceof RuntimeError && verdict.code !== "store.unavailable";
  return isRefused ? verdict : undefined;
}

/** @param error what a call or an attempt to connect was rejected with */
export function verdictOf(error: unknown): Verdict {
  if (error instanceof RuntimeError) return error;
  // Lost connections, and connections that were never made: the call may have been applied or not.
  if (!(error instanceof ErrorReply)) return "again";
  const { message } = error;
  if (passing.test(message)) return "again";
  if (readOnly.test(message)) return "reconnect";
  if (denied.test(message))
    return new RuntimeError(
      "store.access_denied",
      `Redis refuses access (${message}). Check the password, and that the user may run what docs/operations.md lists.`,
      {},
      { cause: error },
    );
  const mistaken = mistakes.find(([pattern]) => pattern.test(message));
  if (mistaken)
    return new RuntimeError("config.invalid", `${mistaken[1]} (${message}).`, {}, { cause: error });
  if (message.startsWith("OOM"))
    return new RuntimeError(
      "store.full",
      "Redis has no memory left. Nothing was written.",
      {},
      { cause: error },
    );
  if (message.startsWith("WRONGTYPE"))
    return new RuntimeError(
      "store.corrupt",
      `A key of the store holds something else (${message}). Where it is another program's, give the store a prefix of its own with REDIS_KEY_PREFIX; where it was the store's, restore it from a backup.`,
      {},
      { cause: error },
    );
  if (message.startsWith("DAMAGED"))
    return new RuntimeError(
      "store.corrupt",
      `The store in Redis is damaged (${message}). Restore it from a backup.`,
      {},
      { cause: error },
    );
  return new RuntimeError("internal", `Redis refused a call: ${message}`, {}, { cause: error });
}

/** @param cause why the last attempt failed, where anybody knows */
export function unavailable(cause: unknown): RuntimeError {
  const reason = reasonOf(cause);
  return new RuntimeError(
    "store.unavailable",
    `Redis cannot be reached, or takes no writes now${reason && ` (${reason})`}.`,
    {},
    { cause },
  );
}

/** Why there is no connection, in a word where Node has one, and without where the server is. */
export function absenceOf(cause: unknown): string {
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  const reason = typeof code === "string" ? code : cause instanceof ErrorReply ? cause.message : "";
  return `Redis cannot be reached${reason && ` (${reason})`}.`;
}

/** What a server of a cluster is told from that has been named as if there were no other. */
export function partOfCluster(cause: unknown): RuntimeError | undefined {
  const isPart = cause instanceof ErrorReply && cause.message.startsWith("MOVED");
  if (!isPart) return undefined;
  return new RuntimeError(
    "config.invalid",
    "Redis is part of a cluster: name it with REDIS_CLUSTER instead of REDIS_URL or REDIS_HOST.",
    {},
    { cause },
  );
}

/** In words. Node gives one error for each address that a name has, and no message for all. */
function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0) return reasonOf(cause.errors[0]);
  return cause instanceof Error ? cause.message || cause.name : "";
}
