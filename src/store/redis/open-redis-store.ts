// Opens the store of a Redis: connects, compares formats, and gets to know the shards.
import { systemClock, type Clock } from "../../clock.ts";
import { RuntimeError } from "../../errors.ts";
import { shardsMax } from "../shard.ts";
import { Calls } from "./calls.ts";
import { confirmOnReplicas } from "./confirm.ts";
import type { Access } from "./connection.ts";
import {
  durabilityOf,
  findingOf,
  requireFine,
  type Expectation,
  type Finding,
} from "./durability.ts";
import { Keys } from "./keys.ts";
import { RedisStore } from "./redis-store.ts";
import { connectTo, type Deployment } from "./servers.ts";
import { Watch, type Report } from "./watch.ts";

/** Which Redis, and what is expected of it. */
export interface RedisSettings extends Expectation {
  readonly deployment: Deployment;
  readonly access: Access;
  /** What all names in Redis begin with. */
  readonly prefix: string;
  /** How many shards there are to be, as many as before where absent. They can be raised, never lowered. */
  readonly shards?: number;
}

export interface RedisOptions extends RedisSettings {
  readonly nodeId: string;
  readonly clock: Clock;
  /** Real time where absent: the network has no other. */
  readonly networkClock?: Clock;
  /** How long a Redis may be absent when the store is opened, in milliseconds; 30 s where absent. */
  readonly startPatienceMs?: number;
  /** How long a call is sent again before it fails, in milliseconds; 5 s where absent. */
  readonly patienceMs?: number;
  /** Told of what becomes wrong with the servers, and of what no longer is. */
  readonly report?: Report;
  /** Ends waiting for a Redis that is absent when the store is opened. */
  readonly signal?: AbortSignal;
}

/** The rows and keys of this release. */
const format = 1;
/** How soon an absence at the start is told, and the wish to end is heard, in milliseconds. */
const tryMs = 1000;
const defaults = { startPatienceMs: 30_000, patienceMs: 5000 } as const;
/** How long replicas may take for a write, in milliseconds. */
const confirmTimeoutMs = 1000;
const shardsOfNew = { single: 1, sentinel: 1, cluster: 64 } as const;

/**
 * Open the store.
 *
 * @throws RuntimeError `store.unavailable` where Redis does not come in time, `store.access_denied`,
 *   `store.durability_unmet` and `store.evicting` where it would not keep what it is told, `store.corrupt` where a key
 *   of ours holds something else, `store.format_newer`, `config.invalid` for fewer shards than there are
 */
export async function openRedisStore(options: RedisOptions): Promise<RedisStore> {
  const { deployment, access, prefix, shards = 0, nodeId, clock } = options;
  const { patienceMs, startPatienceMs, networkClock } = {
    networkClock: systemClock,
    ...defaults,
    ...options,
  };
  const keys = new Keys(prefix);
  const servers = connectTo(deployment, access, networkClock);
  const { report } = options;
  const watch = new Watch({
    servers,
    clock: networkClock,
    expected: options,
    ...(report && { report }),
  });
  const calls = new Calls({
    servers,
    keys,
    clock,
    networkClock,
    patienceMs,
    ...(options.durability === "replicated" && {
      confirm: confirmOnReplicas(options.replicas, confirmTimeoutMs),
    }),
  });
  try {
    const waiting = new Calls({ servers, keys, clock, networkClock, patienceMs: tryMs });
    await awaitServers(waiting, keys, options, networkClock, startPatienceMs);
    await watch.start();
    const { findings } = watch;
    requireFine(findings);
    if (findings.length > 0) report?.(findings, []);
    const args = ["0", String(format), String(shards), String(shardsOfNew[deployment.kind])];
    const answer = await calls.run("open", keys.system.slice(0, 1), args);
    const durability = durabilityOf(options);
    const store = new RedisStore({ servers, calls, keys, nodeId, watch, durability });
    await store.look(checked(answer, shards));
    return store;
  } catch (error) {
    watch.close();
    await calls.close();
    servers.close();
    throw error;
  }
}

/** Redis may start at the same time as we do. */
async function awaitServers(
  calls: Calls,
  { system: [meta] }: Keys,
  { report, signal }: RedisOptions,
  clock: Clock,
  patienceMs: number,
): Promise<void> {
  let told: Finding | undefined;
  const until = clock.monotonic() + patienceMs;
  for (;;)
    try {
      await calls.read(meta, ["EXISTS", meta]);
      if (told) report?.([], [told]);
      return;
    } catch (error) {
      const isAbsent = error instanceof RuntimeError && error.code === "store.unavailable";
      if (!isAbsent || clock.monotonic() >= until || signal?.aborted) throw error;
      if (!told) report?.([(told = findingOf(error, "warning"))], []);
    }
}

/** How many shards there are, if this release can use them. */
function checked(answer: unknown, wanted: number): number {
  const [, , stored, before, shards] = answer as [number, string, number, number, number];
  checkFormat(stored);
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

/** @throws RuntimeError `store.format_newer` */
export function checkFormat(stored: number): void {
  if (stored > format)
    throw new RuntimeError(
      "store.format_newer",
      `The store was written by a newer release (format ${stored}, this one knows ${format}). It has been left as it is.`,
      { stored, format },
    );
}
