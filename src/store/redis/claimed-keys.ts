// Every idempotency key that was claimed: found by scanning each primary, because the keys lie among all others.
import type { KeyPage } from "../dump.ts";
import type { Calls } from "./calls.ts";
import type { Keys } from "./keys.ts";
import type { Servers } from "./servers.ts";

export interface ListKeys {
  readonly calls: Calls;
  readonly keys: Keys;
  readonly servers: Servers;
  readonly limit: number;
  /** `<space whose server is scanned>-<Redis' cursor>-<how many of its answer were taken>` */
  readonly cursor?: string;
}

/** Keys that one step of a scan looks at, few of which are ours. */
const scannedAtOnce = "1000";

export async function listClaimedKeys({
  calls,
  keys,
  servers,
  limit,
  cursor = "0-0-0",
}: ListKeys): Promise<KeyPage> {
  const spaces = keys.keySpaces;
  const found: { readonly key: string; readonly jobId: string }[] = [];
  let [space, scan, taken] = place(cursor);
  for (;;) {
    const at = spaces[space]!;
    const command = ["SCAN", scan, "MATCH", keys.claimedPattern + "*", "COUNT", scannedAtOnce];
    const [next, names] = (await calls.read(at, command)) as [string, string[]];
    const rest = names.slice(taken);
    const wanted = rest.slice(0, limit - found.length);
    found.push(...(await Promise.all(wanted.map(async (name) => claimOf(name)))));
    if (wanted.length < rest.length)
      return { keys: found, next: `${space}-${scan}-${taken + wanted.length}` };
    [scan, taken] = [next, 0];
    if (next === "0") space = nextServer(space);
    if (space === spaces.length) return { keys: found };
    if (found.length === limit) return { keys: found, next: `${space}-${scan}-0` };
  }

  async function claimOf(name: string) {
    const jobId = String(await calls.read(name, ["GET", name]));
    return { key: name.slice(name.indexOf("}:") + 2), jobId };
  }

  /** The next space that lies at a server which has not been scanned. */
  function nextServer(scanned: number): number {
    const done = new Set(spaces.slice(0, scanned + 1).map((one) => servers.serving(one)));
    const next = spaces.findIndex(
      (one, index) => index > scanned && !done.has(servers.serving(one)),
    );
    return next < 0 ? spaces.length : next;
  }
}

function place(cursor: string): [number, string, number] {
  const [space = "0", scan = "0", taken = "0"] = cursor.split("-");
  return [Number(space), scan, Number(taken)];
}
