// A primary and a replica that three real Sentinels watch, on free ports of loopback.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "redis";
import type { Deployment } from "../../src/store/redis/servers.ts";
import { eventually } from "./eventually.ts";
import { freePort, redisServer, startRedisServer, type RedisServer } from "./redis-server.ts";

export interface WatchedRedis {
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  /** How the store finds whichever is the primary. */
  readonly deployment: Extract<Deployment, { readonly kind: "sentinel" }>;
  /** Resolves when the Sentinels name this server as the primary. */
  named(server: RedisServer): Promise<void>;
  /** Resolves when it is named, and has a replica that is in step with it. */
  leads(server: RedisServer): Promise<void>;
  close(): Promise<void>;
}

const name = "watched";
const count = 3;
const patience = { timeoutMs: 60_000, intervalMs: 100 } as const;

export async function startWatchedRedis(): Promise<WatchedRedis> {
  const settings = ["--repl-diskless-sync-delay", "0"];
  const primary = await startRedisServer(settings);
  const following = ["--replicaof", `127.0.0.1 ${primary.port}`, ...settings];
  const replica = await startRedisServer(following);
  const sentinels = await Promise.all(
    Array.from({ length: count }, () => startSentinel(primary.port)),
  );
  const [first] = sentinels;
  const watched: WatchedRedis = {
    primary,
    replica,
    deployment: {
      kind: "sentinel",
      name,
      sentinels: sentinels.map(({ port }) => ({ host: "127.0.0.1", port })),
    },
    async named(server) {
      await eventually(async () => {
        const command = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name];
        const [, port] = (await ask(first!.port, command)) as string[];
        return port === String(server.port);
      }, patience);
    },
    async leads(server) {
      await watched.named(server);
      await eventually(async () => {
        const told = String(await ask(server.port, ["INFO", "replication"]));
        return told.includes("role:master") && told.includes("state=online");
      }, patience);
    },
    async close() {
      await Promise.all(sentinels.map((sentinel) => sentinel.close()));
      await Promise.all([primary.close(), replica.close()]);
    },
  };
  // Each has to have heard of the others and of the replica, or nobody can be promoted.
  for (const { port } of sentinels)
    await eventually(async () => {
      const told = (await ask(port, ["SENTINEL", "MASTER", name])) as Record<string, string>;
      return told["num-slaves"] === "1" && told["num-other-sentinels"] === String(count - 1);
    }, patience);
  await watched.leads(primary);
  return watched;
}

async function startSentinel(primaryPort: number) {
  const port = await freePort();
  const directory = await mkdtemp(join(tmpdir(), "avtomatika-sentinel-"));
  const file = join(directory, "sentinel.conf");
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    `dir ${directory}`,
    `sentinel monitor ${name} 127.0.0.1 ${primaryPort} 2`,
    `sentinel down-after-milliseconds ${name} 1000`,
    `sentinel failover-timeout ${name} 10000`,
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  const sentinel = spawn(redisServer, [file, "--sentinel"], { stdio: "ignore" });
  return {
    port,
    async close() {
      const gone = once(sentinel, "exit");
      sentinel.kill("SIGKILL");
      await gone;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Over a connection of its own: servers come and go. */
async function ask(port: number, command: readonly string[]): Promise<unknown> {
  const client = createClient({ socket: { host: "127.0.0.1", port, reconnectStrategy: false } });
  client.on("error", () => {});
  try {
    await client.connect();
    return await client.sendCommand([...command]);
  } finally {
    if (client.isOpen) client.destroy();
  }
}
