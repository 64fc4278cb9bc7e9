// Where jobs are kept: in the data directory, or in a Redis.
import { existsSync } from "node:fs";
import { systemClock, type Clock } from "./clock.ts";
import { RuntimeError, type ErrorCode } from "./errors.ts";
import { openEmbeddedStore } from "./store/embedded/embedded-store.ts";
import { newEpoch } from "./store/epoch.ts";
import type { Logger } from "./logger.ts";
import type { RedisCondition } from "./store/redis/durability.ts";
import type { RedisSettings } from "./store/redis/open-redis-store.ts";
import type { Store } from "./store/store.ts";

export interface StoreChoice {
  readonly dataDirectory: string;
  readonly redis?: RedisSettings;
  /** Ends waiting for a Redis that is absent. */
  readonly signal?: AbortSignal;
}

export interface OpenedStore {
  readonly store: Store;
  /** What anybody may know of it; where its servers are is not among that. */
  readonly condition: () => Readonly<Record<string, unknown>>;
  /** Why nothing can be kept now; undefined where it can. */
  readonly absence: () => string | undefined;
  /** For the log. */
  readonly where: Readonly<Record<string, unknown>>;
}

/**
 * @param log told of what is wrong with a Redis, at the start and later; nobody is where absent
 * @throws RuntimeError `store.*`, and `config.invalid` where fewer shards are wanted than there are
 */
export async function openStore(
  { redis, dataDirectory, signal }: StoreChoice,
  clock: Clock,
  nodeId: string,
  log?: Logger,
): Promise<OpenedStore> {
  if (!redis) {
    const store = await openEmbeddedStore({ directory: dataDirectory, clock, nodeId });
    const condition = () => ({ kind: "embedded", durability: "durable" });
    return { store, condition, absence: () => undefined, where: { dataDirectory } };
  }
  // Servers without a Redis should not have to load its client.
  const { openRedisStore } = await import("./store/redis/open-redis-store.ts");
  const store = await openRedisStore({
    ...redis,
    clock,
    nodeId,
    ...(signal && { signal }),
    report(found, mended) {
      for (const { severity, code, message: problem } of found) {
        const facts = { code, problem };
        if (severity === "error") log?.error(facts, "Redis is not as it should be");
        else log?.warn(facts, "Redis is not as it should be");
      }
      for (const { code, message: problem } of mended)
        log?.info({ code, problem }, "Redis is as it should be again");
    },
  });
  const { durability, shards, servers } = store.condition;
  const where = { redis: servers.map(({ facts }) => facts.address), durability, shards };
  return {
    store,
    condition: () => conditionOf(store.condition),
    absence: () => store.condition.absence,
    where,
  };
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
    servers: servers.map(({ facts, findings }) => ({
      append_only: facts.appendOnly,
      append_fsync: facts.appendFsync ?? null,
      eviction_policy: facts.evictionPolicy,
      min_replicas_to_write: facts.minReplicasToWrite ?? null,
      memory_used_bytes: facts.usedBytes,
      memory_max_bytes: facts.maxBytes,
      replicas: facts.replicas,
      problems: findings.map(({ severity, code, problem }) => ({ severity, code, problem })),
    })),
  };
}
