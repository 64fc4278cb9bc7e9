// How a command that fails says so: what is wrong, its code, and what to do about it.
import type { CommanderError } from "commander";
import pc from "picocolors";
import { RuntimeError, type ErrorCode } from "../errors.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import { printable } from "./printable.ts";

/** What to do, where the message does not say it. */
const advice: Partial<Record<ErrorCode, string>> = {
  "auth.invalid_token": "Give the server's client token with --token or CLIENT_TOKEN.",
  "auth.missing_token": "Give the server's client token with --token or CLIENT_TOKEN.",
  "blueprint.not_found": "`avtomatika check` lists the blueprints of a directory.",
  "server.unreachable":
    "Start a server with `avtomatika dev`, or name another one with --url or AVTOMATIKA_URL.",
  "worker.refused": "Give the server's worker token with --token or WORKER_TOKEN.",
};
const typeScriptAdvice =
  "This Node does not run TypeScript by itself: run it under tsx, or give files that are compiled.";

/**
 * Tell the standard error what went wrong.
 *
 * @param json As one JSON document, for programs.
 * @returns the exit code.
 */
export function reportFailure(error: unknown, json: boolean): number {
  const isExpected = error instanceof RuntimeError;
  const code = isExpected ? error.code : "internal";
  const message = error instanceof Error ? error.message : String(error);
  const hint = needsTypeScript(error) ? typeScriptAdvice : advice[code];
  process.stderr.write(
    json
      ? `${JSON.stringify({ error: message, code, ...(isExpected && { details: error.details }) })}\n`
      : `${pc.red("error:")} ${printable(message)} ${pc.dim(`(${code})`)}\n${hint ? `${hint}\n` : ""}`,
  );
  if (isExpected) return exitCodeOf(error.code);
  // A defect of this program: whoever mends it needs to know where.
  process.stderr.write(`${error instanceof Error ? error.stack : ""}\n`);
  return exitCodes.failed.code;
}

/** What Commander refuses, as a failure like any other: a command, an argument or an option that is not valid. */
export function usageFailure({ code, message }: CommanderError): RuntimeError {
  // In place of a message, Commander shows the help.
  const isHelp = code === "commander.help";
  return new RuntimeError(
    "config.invalid",
    isHelp
      ? "The command is missing or unknown; --help lists them."
      : message.replace(/^error: /, ""),
  );
}

function needsTypeScript(error: unknown): boolean {
  return (
    error instanceof RuntimeError &&
    (error.cause as { readonly code?: unknown } | undefined)?.code === "ERR_UNKNOWN_FILE_EXTENSION"
  );
}
