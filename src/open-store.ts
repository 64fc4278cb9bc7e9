// Where jobs are kept: in the data directory, or in a Redis.
import { existsSync } from "node:fs";
import { systemClock, type Clock } from "./clock.ts";
import { RuntimeError, type ErrorCode } from "./errors.ts";
import { openEmbeddedStore } from "./store/embedded/embedded-store.ts";
import { newEpoch } from "./store/epoch.ts";
import type { RedisCondition } from "./store/redis/durability.ts";
import type { RedisSettings } from "./store/redis/open-redis-store.ts";
import type { Store } from "./store/store.ts";

export interface StoreChoice {
  readonly dataDirectory: string;
  readonly redis?: RedisSettings;
}

export interface OpenedStore {
  readonly store: Store;
  /** What anybody may know of it; where its servers are is not among that. */
  readonly condition: () => Readonly<Record<string, unknown>>;
  /** For the log. */
  readonly where: Readonly<Record<string, unknown>>;
}

/** @throws RuntimeError `store.*`, and `config.invalid` where fewer shards are wanted than there are */
export async function openStore(
  { redis, dataDirectory }: StoreChoice,
  clock: Clock,
  nodeId: string,
): Promise<OpenedStore> {
  if (!redis) {
    const store = await openEmbeddedStore({ directory: dataDirectory, clock, nodeId });
    const condition = () => ({ kind: "embedded", durability: "durable" });
    return { store, condition, where: { dataDirectory } };
  }
  // Servers without a Redis should not have to load its client.
  const { openRedisStore } = await import("./store/redis/open-redis-store.ts");
  const store = await openRedisStore({ ...redis, clock, nodeId });
  const { durability, shards, servers } = store.condition;
  const where = { redis: servers.map(({ address }) => address), durability, shards };
  return { store, condition: () => conditionOf(store.condition), where };
}

/**
 * Do something with a store that no server is over, and close it.
 *
 * @param shardsLeast how many shards a Redis is to have at least where nothing else is asked for
 * @throws RuntimeError `store.*`
 */
export async function withStore<Result>(
  choice: StoreChoice,
  what: (store: Store) => Promise<Result>,
  shardsLeast = 1,
): Promise<Result> {
  const nodeId = `cli-${newEpoch()}`;
  let { store } = await openStore(choice, systemClock, nodeId);
  const { redis } = choice;
  if (redis && redis.shards === undefined && store.shards < shardsLeast) {
    await store.close();
    const raised = { ...choice, redis: { ...redis, shards: shardsLeast } };
    ({ store } = await openStore(raised, systemClock, nodeId));
  }
  try {
    return await what(store);
  } finally {
    await store.close();
  }
}

/** What a store is set to, and what is wrong with that. */
export interface StoreExamination {
  readonly kind: "redis" | "embedded";
  /** By name, for each server of the store. */
  readonly facts: readonly Readonly<Record<string, unknown>>[];
  readonly findings: readonly {
    readonly severity: "error" | "warning";
    readonly code: ErrorCode;
    readonly message: string;
  }[];
}

/** Look at a store without starting a server over it. */
export async function examineStore({
  redis,
  dataDirectory,
}: StoreChoice): Promise<StoreExamination> {
  if (redis) {
    const { examineRedis } = await import("./store/redis/examine.ts");
    const { servers, shards, findings } = await examineRedis(redis);
    const { deployment, prefix, durability = "durable" } = redis;
    const general = { deployment: deployment.kind, prefix, shards: shards ?? "none yet" };
    return {
      kind: "redis",
      facts: [{ ...general, durability }, ...servers.map((one) => ({ ...one }))],
      findings,
    };
  }
  const facts = (state: string) => [{ directory: dataDirectory, durability: "durable", state }];
  if (!existsSync(dataDirectory))
    return { kind: "embedded", facts: facts("not made yet"), findings: [] };
  try {
    const store = await openEmbeddedStore({ directory: dataDirectory, clock: systemClock });
    await store.close();
    return { kind: "embedded", facts: facts("free"), findings: [] };
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    const { code, message } = error;
    if (code === "store.in_use")
      return { kind: "embedded", facts: facts("held by a server"), findings: [] };
    const findings = [{ severity: "error", code, message } as const];
    return { kind: "embedded", facts: facts("unusable"), findings };
  }
}

function conditionOf({ kind, durability, shards, servers }: RedisCondition) {
  return {
    kind,
    durability,
    shards,
    servers: servers.map(({ appendOnly, appendFsync, usedBytes, maxBytes, replicas }) => ({
      append_only: appendOnly,
      append_fsync: appendFsync ?? null,
      memory_used_bytes: usedBytes,
      memory_max_bytes: maxBytes,
      replicas,
    })),
  };
}
