// The Lua scripts: read from their files once, each with the parts that it includes.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defineScript, ErrorReply, type CommandParser } from "redis";

const names = [
  "announce",
  "check",
  "claim",
  "claim-key",
  "claim-outlived",
  "clear-timers",
  "commit",
  "count",
  "due",
  "export-job",
  "extend",
  "follow",
  "heads",
  "import-job",
  "list-jobs",
  "list-shapes",
  "list-tasks",
  "look",
  "move-message",
  "open",
  "queued-since",
  "remove-job",
  "remove-messages",
  "requeue",
  "set-paused",
  "swap-shape",
] as const;
export type ScriptName = (typeof names)[number];

const directory = join(import.meta.dirname, "lua");

/** A line `-- include: name` stands for the file of that name in `lua/include`. */
function source(path: string): string {
  const text = readFileSync(join(directory, path), "utf8");
  return text.replaceAll(/^-- include: ([a-z]+)$/gm, (_, part: string) =>
    source(`include/${part}.lua`),
  );
}

function script(name: ScriptName) {
  return defineScript({
    SCRIPT: source(`${name}.lua`),
    parseCommand(parser: CommandParser, keys: readonly string[], args: readonly string[]) {
      parser.pushKeysLength([...keys]);
      parser.push(...args);
    },
    transformReply: (reply: unknown): unknown => reply,
  });
}

/** The scripts as methods of a client; no command of Redis has such a name. */
export type ScriptMethod = `lua/${ScriptName}`;

/**
 * Make the scripts known to a server, so that the first call of each takes no longer than the others, and calls are applied
 * in the order in which they were made. A server that refuses is told of each script when it is called.
 */
export async function loadScripts(client: {
  scriptExists(hashes: string[]): Promise<number[]>;
  scriptLoad(script: string): Promise<unknown>;
}): Promise<void> {
  const all = Object.values(scripts);
  try {
    const known = await client.scriptExists(all.map(({ SHA1 }) => SHA1));
    const missing = all.filter((_, index) => known[index] !== 1);
    await Promise.all(missing.map(({ SCRIPT }) => client.scriptLoad(SCRIPT)));
  } catch (error) {
    if (!(error instanceof ErrorReply)) throw error;
  }
}

/** For `createClient`. A script that a server does not know yet is sent to it by the client. */
export const scripts = Object.fromEntries(
  names.map((name) => [`lua/${name}`, script(name)]),
) as Readonly<Record<ScriptMethod, ReturnType<typeof script>>>;
