// The Lua scripts: read from their files once, each with the parts that it includes, and run.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ErrorReply } from "redis";

const names = [
  "announce",
  "check",
  "claim",
  "claim-key",
  "claim-outlived",
  "clear-timer",
  "commit",
  "count",
  "due",
  "export-job",
  "extend",
  "follow",
  "forget-nodes",
  "heads",
  "import-job",
  "keep-key",
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

/** By their names. */
export const scripts = Object.fromEntries(
  names.map((name) => {
    const text = source(`${name}.lua`);
    return [name, { text, hash: createHash("sha1").update(text).digest("hex") }];
  }),
) as Readonly<Record<ScriptName, { readonly text: string; readonly hash: string }>>;

interface ScriptClient {
  sendCommand(args: string[]): Promise<unknown>;
}

/**
 * Run a script by its hash, or by its text where the server does not know it yet.
 *
 * @param sent called each time when it has been sent, before there is an answer
 */
export async function runScript(
  client: ScriptClient,
  name: ScriptName,
  keys: readonly string[],
  args: readonly string[],
  sent?: () => void,
): Promise<unknown> {
  const { hash, text } = scripts[name];
  const rest = [String(keys.length), ...keys, ...args];
  const answering = client.sendCommand(["EVALSHA", hash, ...rest]);
  sent?.();
  try {
    return await answering;
  } catch (error) {
    if (!(error instanceof ErrorReply) || !error.message.startsWith("NOSCRIPT")) throw error;
  }
  const answeringText = client.sendCommand(["EVAL", text, ...rest]);
  sent?.();
  return answeringText;
}

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
    const known = await client.scriptExists(all.map(({ hash }) => hash));
    const missing = all.filter((_, index) => known[index] !== 1);
    await Promise.all(missing.map(({ text }) => client.scriptLoad(text)));
  } catch (error) {
    if (!(error instanceof ErrorReply)) throw error;
  }
}
