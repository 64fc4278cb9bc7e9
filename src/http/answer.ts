// How answers are written: JSON with the same headers everywhere, and every failure as a problem with its code.
import { RuntimeError, errorCodes, type ErrorCode } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Problem } from "../protocol/contract.ts";

/** Of every answer that is not a page: nothing of it is for caches, frames, or guesses about its type. */
export const apiHeaders = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
} as const;
const jsonHeaders = { "content-type": "application/json; charset=utf-8", ...apiHeaders } as const;

/** An answer that is JSON, before it is known over what it goes. */
export interface JsonAnswer {
  readonly status: number;
  readonly body: unknown;
  /** Besides those that every answer has; by their lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
}

export function json(
  body: unknown,
  status = 200,
  headers?: Readonly<Record<string, string>>,
): JsonAnswer {
  return headers ? { status, body, headers } : { status, body };
}

/** An answer as HTTP has it. Plain headers and a string are what node-server sends without building a `Headers` for it. */
export function responseOf(answer: JsonAnswer | Response): Response {
  if (answer instanceof Response) return answer;
  const { status, body, headers } = answer;
  return new Response(JSON.stringify(body), {
    status,
    headers: headers ? { ...jsonHeaders, ...headers } : jsonHeaders,
  });
}

export function problem(
  code: ErrorCode,
  message: string,
  { details, headers }: { details?: Problem["details"]; headers?: Record<string, string> } = {},
): JsonAnswer {
  const body: Problem = { error: message, code, ...(details && { details }) };
  return json(body, errorCodes[code].status, headers);
}

/** The original's words, where it has some for what went wrong. */
const originalWords: Partial<Record<ErrorCode, string>> = {
  "job.not_found": "Job not found",
};

/** When to ask again for what the server can't do just now, where nothing else is known. */
const soonSeconds = 1;

/**
 * Answer what was thrown. What is not the caller's doing is logged here, and told without its details.
 *
 * @param where The request, for the log.
 */
export function failure(
  error: unknown,
  log: Logger,
  where: Readonly<Record<string, unknown>>,
): JsonAnswer {
  if (!(error instanceof RuntimeError)) {
    log.error({ err: error, ...where }, "request failed");
    return problem("internal", "Something went wrong on the server. Its log says what.");
  }
  const { code, message, status, retryable, details } = error;
  // A 503 that passes is the server's ordinary word for "not now"; a probe may hear it every second.
  if (status === 503 && retryable) log.debug({ code, ...where }, "request put off");
  else if (status >= 500) log.error({ err: error, code, ...where }, "request failed");
  const tellDetails = status < 500 && Object.keys(details).length > 0;
  const { retryAfterSeconds = soonSeconds } = details;
  return problem(code, originalWords[code] ?? message, {
    ...(tellDetails && { details }),
    ...(status === 503 && retryable && { headers: { "retry-after": String(retryAfterSeconds) } }),
  });
}
