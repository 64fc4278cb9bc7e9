// Idempotency keys, each kept for as long as its job is there, and for a time at least.
//
// A key and its job lie in different slots, so whether the job is there is asked for by itself, and only where the time of the
// key is over.
import { keptKey, sweptAtOnce } from "../claimed-key.ts";
import type { KeyPage } from "../dump.ts";
import { shardOf } from "../shard.ts";
import type { Calls } from "./calls.ts";
import type { Keys } from "./keys.ts";
import type { Servers } from "./servers.ts";

export interface ClaimedKeysOptions {
  readonly calls: Calls;
  readonly keys: Keys;
  readonly servers: Servers;
  /** Store time. */
  readonly now: () => number;
}

/** Keys that one step of a scan looks at, few of which are ours. */
const scannedAtOnce = "1000";

export class ClaimedKeys {
  readonly #options: ClaimedKeysOptions;

  constructor(options: ClaimedKeysOptions) {
    this.#options = options;
  }

  async claim(key: string, jobId: string, forMs: number): Promise<string> {
    const kept = keptKey(key);
    const [first, isOver, others] = await this.#claim(kept, jobId, forMs, "");
    // Nobody waits for the others, and who claims next looks at them again.
    void this.#sweep(
      others.filter((other) => other !== kept),
      forMs,
    ).catch(() => {});
    if (isOver === "0" || (await this.#isThere(first))) return first;
    return (await this.#claim(kept, jobId, forMs, first))[0];
  }

  async #claim(kept: string, jobId: string, forMs: number, loser: string) {
    const { calls, keys, now } = this.#options;
    const until = String(now() + forMs);
    const args = [jobId, kept, String(now()), until, loser, String(sweptAtOnce)];
    const answer = await calls.runConfirmed("claim-key", keys.claimed(kept), args);
    return answer as [first: string, isOver: string, others: string[]];
  }

  /** Forget those of the keys whose jobs are gone, and look at the others later. */
  async #sweep(over: readonly string[], forMs: number): Promise<void> {
    const { calls, keys, now } = this.#options;
    for (const kept of over) {
      const held = await this.#held(kept);
      const isKept = held !== "" && (await this.#isKept(claimOf(held)));
      const next = isKept ? String(now() + forMs) : "";
      await calls.run("keep-key", keys.claimed(kept), [kept, held, next]);
    }
  }

  /**
   * Every key that is kept, by scanning each primary, because the keys lie among all others.
   *
   * @param cursor `<space whose server is scanned>-<Redis' cursor>-<how many of its answer were taken>`
   */
  async list(limit: number, cursor = "0-0-0"): Promise<KeyPage> {
    const { calls, keys } = this.#options;
    const spaces = keys.keySpaces;
    const found: { readonly key: string; readonly jobId: string }[] = [];
    let [space, scan, taken] = place(cursor);
    for (;;) {
      const at = spaces[space]!;
      const command = ["SCAN", scan, "MATCH", `${keys.claimedPattern}*`, "COUNT", scannedAtOnce];
      const [next, names] = (await calls.read(at, command)) as [string, string[]];
      const rest = names.slice(taken);
      const wanted = rest.slice(0, limit - found.length);
      for (const name of wanted) {
        const key = name.slice(name.indexOf("}:") + 2);
        const held = await this.#held(key);
        const claim = claimOf(held);
        if (held !== "" && (await this.#isKept(claim))) found.push({ key, jobId: claim.jobId });
      }
      if (wanted.length < rest.length)
        return { keys: found, next: `${space}-${scan}-${taken + wanted.length}` };
      [scan, taken] = [next, 0];
      if (next === "0") space = this.#nextServer(spaces, space);
      if (space === spaces.length) return { keys: found };
      if (found.length === limit) return { keys: found, next: `${space}-${scan}-0` };
    }
  }

  /** The text of a claimed key; empty where there is none. */
  async #held(kept: string): Promise<string> {
    const [name] = this.#options.keys.claimed(kept);
    return ((await this.#options.calls.read(name, ["GET", name])) as string | null) ?? "";
  }

  async #isKept({ jobId, until }: Claim): Promise<boolean> {
    return until > this.#options.now() || this.#isThere(jobId);
  }

  async #isThere(jobId: string): Promise<boolean> {
    const { calls } = this.#options;
    const name = calls.shard(shardOf(jobId)).keys.job(jobId);
    return (await calls.read(name, ["EXISTS", name])) === 1;
  }

  /** The next space that lies at a server which has not been scanned. */
  #nextServer(spaces: readonly string[], scanned: number): number {
    const { servers } = this.#options;
    const done = new Set(spaces.slice(0, scanned + 1).map((one) => servers.serving(one)));
    const next = spaces.findIndex(
      (one, index) => index > scanned && !done.has(servers.serving(one)),
    );
    return next < 0 ? spaces.length : next;
  }
}

interface Claim {
  readonly jobId: string;
  readonly until: number;
}

function claimOf(held: string): Claim {
  const [jobId = "", until = 0] = held.split("\n");
  return { jobId, until: Number(until) };
}

function place(cursor: string): [number, string, number] {
  const [space = "0", scan = "0", taken = "0"] = cursor.split("-");
  return [Number(space), scan, Number(taken)];
}
