// The processes of the chaos tests: a Redis that writes before it answers, nodes behind proxies of their own, and workers.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../eventually.ts";
import { freePort, startRedisServer, type RedisServer } from "../redis-server.ts";
import { Program } from "./program.ts";
import { startWeatherProxy, type WeatherProxy } from "./weather.ts";

export const clientToken = "client-token-of-the-chaos";
const workerToken = "worker-token-of-the-chaos";

/** What a worker noted of an attempt. */
export interface Note {
  readonly event: "begin" | "end";
  readonly jobId: string;
  readonly taskId: string;
  readonly attempt: number;
  readonly worker: string;
}

export interface ChaosWorld {
  readonly redis: RedisServer;
  readonly nodes: readonly {
    readonly program: Program;
    readonly url: string;
    readonly proxy: WeatherProxy;
  }[];
  readonly workers: readonly Program[];
  /** Everything that workers noted so far. */
  notes(): readonly Note[];
  /** Resolves when every process runs and every node answers. */
  allUp(): Promise<void>;
  close(): Promise<void>;
}

export async function openChaosWorld({
  nodes: nodeCount,
  workers: workerCount,
}: {
  readonly nodes: number;
  readonly workers: number;
}): Promise<ChaosWorld> {
  const directory = mkdtempSync(join(tmpdir(), "avtomatika-chaos-"));
  const redis = await startRedisServer();
  const nodes = await Promise.all(
    Array.from({ length: nodeCount }, async (_, index) => {
      const name = `n${index + 1}`;
      const proxy = await startWeatherProxy(redis.port);
      const port = await freePort();
      const program = new Program(name, "node-program.ts", {
        CHAOS_NODE: name,
        CHAOS_PORT: String(port),
        CHAOS_REDIS_PORT: String(proxy.port),
        CHAOS_CLIENT_TOKEN: clientToken,
        CHAOS_WORKER_TOKEN: workerToken,
      });
      return { program, proxy, url: `http://127.0.0.1:${port}` };
    }),
  );
  const workers = Array.from({ length: workerCount }, (_, index) => {
    const name = `w${index + 1}`;
    return new Program(name, "worker-program.ts", {
      CHAOS_WORKER: name,
      CHAOS_URL: nodes[index % nodes.length]!.url,
      CHAOS_WORKER_TOKEN: workerToken,
      CHAOS_AUDIT: join(directory, `${name}.ndjson`),
    });
  });
  const world: ChaosWorld = {
    redis,
    nodes,
    workers,
    notes() {
      return readdirSync(directory)
        .filter((name) => name.endsWith(".ndjson"))
        .flatMap((name) => readFileSync(join(directory, name), "utf8").split("\n"))
        .filter((line) => line.endsWith("}"))
        .map((line) => JSON.parse(line) as Note);
    },
    async allUp() {
      for (const { program } of nodes) if (!program.isRunning) program.start();
      for (const worker of workers) if (!worker.isRunning) worker.start();
      for (const { url } of nodes)
        await eventually(async () => (await fetch(`${url}/readyz`)).ok, {
          timeoutMs: 60_000,
          intervalMs: 50,
        });
    },
    async close() {
      for (const program of [...workers, ...nodes.map((node) => node.program)])
        await program.kill();
      for (const { proxy } of nodes) await proxy.close();
      await redis.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  await world.allUp();
  return world;
}
