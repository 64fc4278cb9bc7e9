// The file that gives workers tokens of their own: `[worker_id]` sections with a `token`, as the Python system has it, and `task_types`.
import { readFile } from "node:fs/promises";
import { parse, TomlError } from "smol-toml";
import { RuntimeError } from "../errors.ts";
import { OfferedType } from "../protocol/worker-frames.ts";
import type { OwnToken } from "./worker-tokens.ts";

/** What a section holds, if it is right. */
interface Section {
  readonly token?: unknown;
  readonly task_types?: unknown;
}

/**
 * Read the file.
 *
 * @returns tokens by worker id.
 * @throws RuntimeError `config.invalid` where the file can't be read, is not TOML, or has a section without a token or with
 *   `task_types` that are no list of types; never with a token in its message
 */
export async function readWorkersFile(path: string): Promise<ReadonlyMap<string, OwnToken>> {
  const sections = parsed(path, await textOf(path));
  return new Map(
    Object.entries(sections).map(([workerId, section]) => {
      const { token, task_types: taskTypes } = (section ?? {}) as Section;
      if (typeof token !== "string" || token === "")
        throw invalid(path, `the section [${workerId}] has no token`);
      if (taskTypes === undefined) return [workerId, { token }];
      if (!isTypeList(taskTypes))
        throw invalid(path, `task_types of the section [${workerId}] is no list of task types`);
      return [workerId, { token, taskTypes }];
    }),
  );
}

function isTypeList(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) && value.every((type) => OfferedType.shape.type.safeParse(type).success)
  );
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw invalid(path, `it can't be read (${(error as NodeJS.ErrnoException).code})`, error);
  }
}

function parsed(path: string, text: string): Readonly<Record<string, unknown>> {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The error's own message quotes the lines around, in which tokens may stand.
    throw invalid(path, `line ${error.line} is not TOML`);
  }
}

function invalid(path: string, what: string, cause?: unknown): RuntimeError {
  const message = `WORKERS_CONFIG_PATH: ${path} can't be used: ${what}.`;
  return new RuntimeError("config.invalid", message, { path }, { cause });
}
