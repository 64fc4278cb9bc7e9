// A real Redis Cluster of a test's own: three primaries with a replica each, on free ports of loopback.
import { createClient, ErrorReply } from "redis";
import type { ServerAddress } from "../../src/store/redis/connection.ts";
import { slotOf } from "../../src/store/redis/slot.ts";
import { eventually } from "./eventually.ts";
import { freePort, startRedisServer, type RedisServer } from "./redis-server.ts";

export interface RedisCluster {
  /** Primaries and replicas, as they were made. */
  readonly servers: readonly RedisServer[];
  readonly seeds: readonly ServerAddress[];
  /** Say something to one of the servers. */
  ask(server: RedisServer, ...command: string[]): Promise<unknown>;
  /** Who serves a key now, and the replica that would follow it. */
  serving(key: string): Promise<{ readonly primary: RedisServer; readonly replica: RedisServer }>;
  /** Resolves when a replica of this primary has all that the primary has now. */
  caughtUp(primary: RedisServer): Promise<void>;
  /** Move the slot of a key to another primary while it is in use, as `redis-cli --cluster reshard` does it. */
  moveSlot(key: string): Promise<void>;
  /** Resolves when another server than this one serves the key. */
  promoted(key: string, old: RedisServer): Promise<void>;
  /** Resolves when every slot is served, and every primary has a replica that is in step with it. */
  healthy(): Promise<void>;
  close(): Promise<void>;
}

export interface ClusterOptions {
  /** How long a server may be silent before it is taken for dead, in milliseconds. */
  readonly nodeTimeoutMs?: number;
  /** Of redis-server. */
  readonly settings?: readonly string[];
}

const slots = 16_384;
const primaries = 3;
/** What is moved of a slot at once: few enough that the cluster is asked in between. */
const keysMovedAtOnce = 10;
const healthyWithinMs = 60_000;

export async function startRedisCluster({
  nodeTimeoutMs = 3000,
  settings = [],
}: ClusterOptions = {}): Promise<RedisCluster> {
  const servers = await Promise.all(
    Array.from({ length: 2 * primaries }, async () => {
      const joining = ["--cluster-enabled", "yes", "--cluster-port", String(await freePort())];
      const timeout = ["--cluster-node-timeout", String(nodeTimeoutMs)];
      const quick = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"];
      return startRedisServer([...joining, ...timeout, ...quick, ...settings]);
    }),
  );
  const lines = new Lines();
  const seeds = servers.map(({ port }) => ({ host: "127.0.0.1", port }));
  const cluster: RedisCluster = {
    servers,
    seeds,
    ask: ({ port }, ...command) => lines.ask(port, command),
    async serving(key) {
      const ranges = (await askAny(["CLUSTER", "SLOTS"])) as SlotRange[];
      const slot = slotOf(key);
      const range = ranges.find(([from, to]) => from <= slot && slot <= to);
      const [primary, replica] = (range?.slice(2) ?? []) as SlotServer[];
      if (!primary || !replica) throw new Error(`Slot ${slot} has no primary with a replica.`);
      return { primary: serverAt(primary[1]), replica: serverAt(replica[1]) };
    },
    async caughtUp(primary) {
      const replication = async () => String(await cluster.ask(primary, "INFO", "replication"));
      const [, written] = /^master_repl_offset:(\d+)/m.exec(await replication()) ?? [];
      const hasIt = async () => {
        const offsets = (await replication()).matchAll(/state=online,offset=(\d+)/g);
        return [...offsets].some(([, offset]) => Number(offset) >= Number(written));
      };
      // Replicas tell once a second how far they are.
      await eventually(hasIt, { timeoutMs: healthyWithinMs, intervalMs: 20 });
    },
    async moveSlot(key) {
      const slot = String(slotOf(key));
      // The move before may still be on its way through the cluster.
      const from = await eventually(() => ownerOf(Number(slot)), { timeoutMs: healthyWithinMs });
      const others = await primariesNow();
      const to = others.find((one) => one !== from)!;
      const [fromId, toId] = [await idOf(from), await idOf(to)];
      await cluster.ask(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", fromId);
      await cluster.ask(from, "CLUSTER", "SETSLOT", slot, "MIGRATING", toId);
      for (;;) {
        const count = String(keysMovedAtOnce);
        const keys = (await cluster.ask(from, "CLUSTER", "GETKEYSINSLOT", slot, count)) as string[];
        if (keys.length === 0) break;
        const place = ["127.0.0.1", String(to.port), "", "0", "5000"];
        await cluster.ask(from, "MIGRATE", ...place, "KEYS", ...keys);
      }
      await cluster.ask(to, "CLUSTER", "SETSLOT", slot, "NODE", toId);
      await cluster.ask(from, "CLUSTER", "SETSLOT", slot, "NODE", toId);
      // Moves that overtake their own news leave servers that each take the other for the owner.
      const isAgreed = async () => {
        for (const server of servers) {
          const ranges = (await cluster.ask(server, "CLUSTER", "SLOTS")) as SlotRange[];
          const range = ranges.find(([low, high]) => low <= Number(slot) && Number(slot) <= high);
          if (range?.[2][1] !== to.port) return false;
        }
        return true;
      };
      await eventually(isAgreed, { timeoutMs: healthyWithinMs, intervalMs: 20 });
    },
    async promoted(key, old) {
      const isServedByOther = async () => {
        const ranges = (await askAny(["CLUSTER", "SLOTS"])) as SlotRange[];
        const slot = slotOf(key);
        const range = ranges.find(([from, to]) => from <= slot && slot <= to);
        return range !== undefined && range[2][1] !== old.port;
      };
      await eventually(isServedByOther, { timeoutMs: healthyWithinMs, intervalMs: 50 });
    },
    async healthy() {
      await eventually(isHealthy, { timeoutMs: healthyWithinMs, intervalMs: 50 });
    },
    async close() {
      await lines.close();
      await Promise.all(servers.map((server) => server.close()));
    },
  };
  try {
    await unite();
    await cluster.healthy();
    return cluster;
  } catch (error) {
    await cluster.close();
    throw error;
  }

  async function unite(): Promise<void> {
    await Promise.all(
      servers.slice(0, primaries).map(async (server, index) => {
        const from = Math.ceil((index * slots) / primaries);
        const to = Math.ceil(((index + 1) * slots) / primaries) - 1;
        await cluster.ask(server, "CLUSTER", "ADDSLOTSRANGE", String(from), String(to));
      }),
    );
    for (const [index, server] of servers.entries())
      await cluster.ask(server, "CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
    for (const server of servers.slice(1)) {
      const [, busPort] = /@(\d+)/.exec(await ownLine(server)) ?? [];
      const place = ["127.0.0.1", String(server.port), busPort!];
      await cluster.ask(servers[0]!, "CLUSTER", "MEET", ...place);
    }
    for (const [index, replica] of servers.slice(primaries).entries()) {
      const primaryId = await idOf(servers[index]!);
      await eventually(
        async () => (await cluster.ask(replica, "CLUSTER", "REPLICATE", primaryId)) === "OK",
        { timeoutMs: healthyWithinMs, intervalMs: 50 },
      );
    }
  }

  async function isHealthy(): Promise<boolean> {
    for (const server of servers) {
      const info = String(await cluster.ask(server, "CLUSTER", "INFO"));
      if (!info.includes("cluster_state:ok") || !info.includes(`cluster_size:${primaries}`))
        return false;
      const replication = String(await cluster.ask(server, "INFO", "replication"));
      const isInStep = replication.includes("role:master")
        ? replication.includes("state=online")
        : replication.includes("master_link_status:up");
      if (!isInStep) return false;
    }
    const ranges = (await askAny(["CLUSTER", "SLOTS"])) as SlotRange[];
    return ranges.every((range) => range.length === 4);
  }

  /** As it says itself: the others hear of a move later. */
  async function ownerOf(slot: number): Promise<RedisServer> {
    for (const server of servers) {
      const ranges = (await cluster.ask(server, "CLUSTER", "SLOTS")) as SlotRange[];
      const range = ranges.find(([from, to]) => from <= slot && slot <= to);
      if (range?.[2][1] === server.port) return server;
    }
    const views = await Promise.all(
      servers.map(async (server) => {
        const ranges = (await cluster.ask(server, "CLUSTER", "SLOTS")) as SlotRange[];
        const range = ranges.find(([from, to]) => from <= slot && slot <= to);
        return `${server.port}: ${range?.[2][1]}`;
      }),
    );
    throw new Error(`Nobody serves slot ${slot}: ${views.join(", ")}.`);
  }

  async function primariesNow(): Promise<readonly RedisServer[]> {
    const ranges = (await askAny(["CLUSTER", "SLOTS"])) as SlotRange[];
    return [...new Set(ranges.map(([, , [, port]]) => serverAt(port)))];
  }

  function serverAt(port: number): RedisServer {
    return servers.find((one) => one.port === port)!;
  }

  async function ownLine(server: RedisServer): Promise<string> {
    const lines = String(await cluster.ask(server, "CLUSTER", "NODES")).split("\n");
    return lines.find((line) => line.includes("myself"))!;
  }

  async function idOf(server: RedisServer): Promise<string> {
    return String(await cluster.ask(server, "CLUSTER", "MYID"));
  }

  /** Any server that lives answers. */
  async function askAny(command: readonly string[]): Promise<unknown> {
    let failure: unknown;
    for (const { port } of servers)
      try {
        return await lines.ask(port, command);
      } catch (error) {
        failure = error;
      }
    throw failure;
  }
}

type SlotServer = readonly [host: string, port: number, ...unknown[]];
type SlotRange = readonly [from: number, to: number, primary: SlotServer, ...SlotServer[]];

/** Connections that last, as long as their servers do. */
class Lines {
  readonly #lines = new Map<number, Promise<Line>>();

  async ask(port: number, command: readonly string[]): Promise<unknown> {
    let line = this.#lines.get(port);
    if (!line || !(await line.catch(() => undefined))?.isReady) line = connected(port);
    this.#lines.set(port, line);
    try {
      return await (await line).sendCommand([...command]);
    } catch (error) {
      if (!(error instanceof ErrorReply)) this.#lines.delete(port);
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const line of this.#lines.values()) (await line.catch(() => undefined))?.destroy();
  }
}

type Line = Awaited<ReturnType<typeof connected>>;

function connected(port: number) {
  const client = createClient({
    socket: { host: "127.0.0.1", port, reconnectStrategy: false, connectTimeout: 2000 },
  });
  client.on("error", () => {});
  return client.connect();
}
