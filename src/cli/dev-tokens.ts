// A development server leaves its address and made-up tokens in its data directory, for commands on the same machine.
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Connection } from "../config.ts";

export interface DevTokens {
  readonly url: string;
  /** Absent where clients have only tokens with names. */
  readonly client_token?: string;
  readonly worker_token: string;
}

/** Where a server is looked for of which nothing is known. */
const defaultUrl = "http://127.0.0.1:8080";

const fileOf = (dataDirectory: string): string => join(dataDirectory, "dev-tokens.json");

/** Write the file anew, readable for this user alone. */
export async function leaveDevTokens(dataDirectory: string, tokens: DevTokens): Promise<void> {
  await mkdir(dataDirectory, { recursive: true });
  await removeDevTokens(dataDirectory);
  const text = `${JSON.stringify(tokens, undefined, 2)}\n`;
  await writeFile(fileOf(dataDirectory), text, { mode: 0o600, flag: "wx" });
}

export async function removeDevTokens(dataDirectory: string): Promise<void> {
  await rm(fileOf(dataDirectory), { force: true });
}

/**
 * Whom to connect to: what was given, and for the rest what a development server has left. Its token is used
 * for its own address only.
 */
export async function completeConnection(
  { url, token, dataDirectory }: Connection,
  role: "client" | "worker",
): Promise<{ readonly url: string; readonly token: string | undefined }> {
  const left = await readDevTokens(dataDirectory);
  const wanted = url ?? left?.url ?? defaultUrl;
  const leftToken = left?.url === wanted ? left[`${role}_token`] : undefined;
  return { url: wanted, token: token ?? leftToken };
}

async function readDevTokens(dataDirectory: string): Promise<DevTokens | undefined> {
  try {
    return JSON.parse(await readFile(fileOf(dataDirectory), "utf8")) as DevTokens;
  } catch {
    // No file, or one that is just being written: there is nothing to be had from it.
    return undefined;
  }
}
