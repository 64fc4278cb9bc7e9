// One HTTP request: its answer parsed, and everything that can go wrong as a RuntimeError with a code.
import { errorCodes, RuntimeError, type ErrorCode } from "../errors.ts";
import { Problem } from "../protocol/contract.ts";
import type { ClientOptions } from "./client.ts";

interface Schema {
  parse(value: unknown): unknown;
}
export type AnswerOf<Answer extends Schema> = ReturnType<Answer["parse"]>;

export interface RequestOptions {
  /** Sent as JSON, with POST. Without it the request is a GET. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** How long the server was asked to wait before it answers, in milliseconds. */
  readonly waitMs?: number;
}

export interface Requester {
  /** @returns the answer as the schema has it; members that it does not name are left out. */
  json<Answer extends Schema>(
    schema: Answer,
    path: string,
    options?: RequestOptions,
  ): Promise<AnswerOf<Answer>>;
  /** @returns an answer that is not JSON, as it is. */
  text(path: string, options?: RequestOptions): Promise<string>;
  /** @returns an answer that is a success and goes on for as long as it likes. */
  stream(path: string, options?: RequestOptions): Promise<Response>;
}

/** How long an answer may take, in milliseconds. */
export const answerMs = 30_000;

/** @throws RuntimeError `config.invalid` where the url is not one of http or https. */
export function createRequester({
  url,
  token,
  fetch = globalThis.fetch,
}: ClientOptions): Requester {
  const base = baseOf(url);

  async function send(
    path: string,
    { body, headers, signal: ended }: RequestOptions,
    late?: AbortSignal,
  ): Promise<Response> {
    const signals = [ended, late].filter((signal) => signal !== undefined);
    let answer: Response;
    try {
      answer = await fetch(`${base}${path}`, {
        method: body === undefined ? "GET" : "POST",
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signals.length > 0 && { signal: AbortSignal.any(signals) }),
        redirect: "error",
      });
    } catch (error) {
      // What the caller itself has ended is no news to it: the reason stays what it is.
      throw ended?.aborted ? error : unreachable(base, error);
    }
    if (!answer.ok) throw await refusal(base, answer);
    return answer;
  }

  async function text(path: string, options: RequestOptions = {}): Promise<string> {
    const late = AbortSignal.timeout(answerMs + (options.waitMs ?? 0));
    return readText(base, await send(path, options, late));
  }

  return {
    async json(schema, path, options) {
      return readAnswer(base, schema, path, readJson(base, await text(path, options)));
    },
    text,
    stream: (path, options = {}) => send(path, options),
  };
}

/** @throws RuntimeError `server.answer_unexpected` where the value has another form */
export function readAnswer<Answer extends Schema>(
  base: string,
  schema: Answer,
  path: string,
  value: unknown,
): AnswerOf<Answer> {
  try {
    return schema.parse(value) as AnswerOf<Answer>;
  } catch (error) {
    throw unexpected(base, `its answer to ${path} has another form`, error);
  }
}

/**
 * The address without slashes at its end.
 *
 * @throws RuntimeError `config.invalid` where the url is not one of http or https
 */
export function baseOf(url: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url.replace(/\/+$/, "");
  throw new RuntimeError("config.invalid", `The server's address is not an http(s) URL: ${url}`);
}

async function readText(base: string, answer: Response): Promise<string> {
  try {
    return await answer.text();
  } catch (error) {
    throw unreachable(base, error);
  }
}

export function readJson(base: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unexpected(base, "its answer is not JSON", error);
  }
}

/** What proxies answer with while the server behind them can't be reached. */
export const proxyStatuses: readonly number[] = [502, 503, 504];

async function refusal(base: string, answer: Response): Promise<RuntimeError> {
  const text = await readText(base, answer);
  if (proxyStatuses.includes(answer.status) && !isJson(answer.headers.get("content-type")))
    return unreachable(base, `a proxy answers with status ${answer.status}`);
  return refusalIn(base, answer.status, readJson(base, text));
}

/** What the body of a failure says, as an error. */
export function refusalIn(base: string, status: number, body: unknown): RuntimeError {
  const parsed = Problem.safeParse(body);
  if (!parsed.success) return unexpected(base, `it answers with status ${status}`);
  const { error, code, details } = parsed.data;
  if (Object.hasOwn(errorCodes, code)) return new RuntimeError(code as ErrorCode, error, details);
  return unexpected(base, `it refuses with a code that is not known here, ${code}: ${error}`);
}

export const isJson = (contentType: string | null | undefined): boolean =>
  contentType?.startsWith("application/json") ?? false;

export function unexpected(base: string, what: string, cause?: unknown): RuntimeError {
  const message = `${base} is not a server that this client understands: ${what}.`;
  return new RuntimeError("server.answer_unexpected", message, { url: base }, { cause });
}

export function unreachable(base: string, error: unknown): RuntimeError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return new RuntimeError(
    "server.unreachable",
    `Nothing answers at ${base}: ${wordsOf(cause)}`,
    { url: base },
    { cause: error },
  );
}

/** A connection that no address of a name takes has a code and no message. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ((error as { readonly code?: string }).code ?? error.name);
}
