// The file that gives workers tokens of their own: `[worker_id]` sections with a `token`, as the Python system has it.
import { readFile } from "node:fs/promises";
import { parse, TomlError } from "smol-toml";
import { RuntimeError } from "../errors.ts";

/**
 * Read the file.
 *
 * @returns tokens by worker id.
 * @throws RuntimeError `config.invalid` where the file can't be read, is not TOML, or has a section without a token;
 *   never with a token in its message
 */
export async function readWorkersFile(path: string): Promise<ReadonlyMap<string, string>> {
  const sections = parsed(path, await textOf(path));
  return new Map(
    Object.entries(sections).map(([workerId, section]) => {
      const token = (section as { readonly token?: unknown } | null)?.token;
      if (typeof token === "string" && token !== "") return [workerId, token];
      throw invalid(path, `the section [${workerId}] has no token`);
    }),
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
