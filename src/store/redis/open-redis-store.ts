// Opens the store of a Redis: connects, compares formats, and gets to know the shards.
import { systemClock, type Clock } from "../../clock.ts";
import { RuntimeError } from "../../errors.ts";
import { shardsMax } from "../shard.ts";
import { Calls } from "./calls.ts";
import type { Access } from "./connection.ts";
import { Keys } from "./keys.ts";
import { RedisStore } from "./redis-store.ts";
import { connectTo, type Deployment } from "./servers.ts";

export interface RedisOptions {
  readonly deployment: Deployment;
  readonly access: Access;
  /** What all names in Redis begin with; `avtomatika` where absent. */
  readonly prefix?: string;
  /** How many shards there are to be, as many as before where absent. They can be raised, never lowered. */
  readonly shards?: number;
  readonly nodeId: string;
  readonly clock: Clock;
  /** Real time where absent: the network has no other. */
  readonly networkClock?: Clock;
  /** How long a Redis may be absent when the store is opened, in milliseconds; 30 s where absent. */
  readonly startPatienceMs?: number;
  /** How long a call is sent again before it fails, in milliseconds; 5 s where absent. */
  readonly patienceMs?: number;
}

/** The rows and keys of this release. */
const format = 1;
const defaults = { prefix: "avtomatika", startPatienceMs: 30_000, patienceMs: 5000 } as const;

/**
 * Open the store.
 *
 * @throws RuntimeError `store.unavailable` where Redis does not come in time, `store.access_denied`, `store.corrupt`
 *   where a key of ours holds something else, `store.format_newer`, `config.invalid` for fewer shards than there are
 */
export async function openRedisStore(options: RedisOptions): Promise<RedisStore> {
  const { deployment, access, shards = 0, nodeId, clock } = options;
  const { prefix, patienceMs, startPatienceMs } = { ...defaults, ...options };
  const { networkClock = systemClock } = options;
  const keys = new Keys(prefix);
  const servers = connectTo(deployment, access, networkClock);
  const calls = new Calls({ servers, keys, clock, networkClock, patienceMs });
  try {
    const until = networkClock.monotonic() + startPatienceMs;
    const shardsOfNew = deployment.kind === "cluster" ? 64 : 1;
    const args = ["0", String(format), String(shards), String(shardsOfNew)];
    for (;;) {
      try {
        const answer = await calls.run("open", keys.system.slice(0, 1), args);
        const store = new RedisStore({ servers, calls, keys, nodeId, shards: 0 });
        await store.look(checked(answer, shards));
        return store;
      } catch (error) {
        const isAbsent = error instanceof RuntimeError && error.code === "store.unavailable";
        if (!isAbsent || networkClock.monotonic() >= until) throw error;
      }
    }
  } catch (error) {
    await calls.close();
    servers.close();
    throw error;
  }
}

/** How many shards there are, if this release can use them. */
function checked(answer: unknown, wanted: number): number {
  const [, , stored, before, shards] = answer as [number, string, number, number, number];
  if (stored > format)
    throw new RuntimeError(
      "store.format_newer",
      `The store was written by a newer release (format ${stored}, this one knows ${format}). It has been left as it is.`,
      { stored, format },
    );
  if (wanted > 0 && wanted < before)
    throw new RuntimeError(
      "config.invalid",
      `SHARDS is ${wanted}, but the store has ${before} shards already: their number can be raised, never lowered.`,
      { wanted, shards: before },
    );
  if (shards > shardsMax)
    throw new RuntimeError("config.invalid", `SHARDS must be ${shardsMax} at most.`, { shards });
  return shards;
}
