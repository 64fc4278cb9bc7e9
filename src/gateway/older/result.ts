// What a Python worker's `result` means: any of the shapes that its library and its documents have.
import { inspectJson } from "../../protocol/json.ts";
import { resultBytesMax, type OlderResult } from "../../protocol/older-dialect.ts";
import type { AttemptOutcome } from "../../runtime/runtime.ts";

/** `cancelled` stands for every attempt that its worker gave up. */
export type OlderOutcome = Extract<AttemptOutcome, { outcome: "ok" | "error" | "cancelled" }>;

const statusCharsMax = 64;
const codeCharsMax = 64;
const messageCharsMax = 16_384;

/**
 * @param bytes How long the request was.
 * @returns an error where the result breaks a limit: told to the task, because the worker would only send it again.
 */
export function outcomeOf(body: OlderResult, bytes: number): OlderOutcome {
  if (bytes > resultBytesMax)
    return permanent(
      `The result is larger than ${resultBytesMax} bytes. Return a reference to the data.`,
    );
  const problem = inspectJson(body.result ?? body.data);
  if (problem) return permanent(`The result can't be kept: ${problem.message}`);
  return outcomeOfResult(
    body.result === undefined && body.status !== undefined ? body : body.result,
  );
}

function outcomeOfResult(result: unknown): OlderOutcome {
  // A handler that returns nothing has done what it should.
  if (result === undefined || result === null) return success({});
  if (typeof result !== "object" || Array.isArray(result))
    return permanent("The handler returned neither an object nor nothing.");
  const { status = "success", data, ...members } = result as Readonly<Record<string, unknown>>;
  if (typeof status !== "string" || status === "" || status.length > statusCharsMax)
    return permanent(`A result's status is a text of 1 to ${statusCharsMax} characters.`);
  switch (status) {
    case "success":
      return success(data ?? {});
    case "failure":
      return failureOf(members);
    case "cancelled":
      return { outcome: "cancelled" };
    default:
      return { outcome: "ok", status, output: data ?? {} };
  }
}

/** `error` is an object or a text; some workers say `error_type` and `error_message` instead. */
function failureOf(members: Readonly<Record<string, unknown>>): OlderOutcome {
  const { error, error_type, error_message, message } = members;
  const told =
    typeof error === "object" && error !== null ? (error as Record<string, unknown>) : {};
  const code = firstText([told["code"], error_type]) ?? "TRANSIENT_ERROR";
  const words = firstText([told["message"], error, error_message, message]) ?? "";
  const details = told["details"];
  return {
    outcome: "error",
    error: {
      code: code.slice(0, codeCharsMax),
      message: words.slice(0, messageCharsMax),
      ...(details !== undefined && details !== null && { details }),
    },
  };
}

function firstText(candidates: readonly unknown[]): string | undefined {
  return candidates.find((one): one is string => typeof one === "string" && one !== "");
}

const success = (output: unknown): OlderOutcome => ({ outcome: "ok", status: "success", output });

const permanent = (message: string): OlderOutcome => ({
  outcome: "error",
  error: { code: "PERMANENT_ERROR", message },
});
