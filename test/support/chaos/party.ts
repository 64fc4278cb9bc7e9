// Nodes and workers of the chaos tests, each a process of its own that can be killed.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RedisSettings } from "../../../src/store/redis/open-redis-store.ts";
import type { Deployment } from "../../../src/store/redis/servers.ts";
import { eventually } from "../eventually.ts";
import { freePort } from "../redis-server.ts";
import { Program } from "./program.ts";

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

/** Nodes and workers, each a process, over a Redis that is somebody else's. */
export interface Party {
  readonly nodes: readonly PartyNode[];
  readonly workers: readonly Program[];
  /** Everything that workers noted so far. */
  notes(): readonly Note[];
  /** Resolves when every process runs and every node answers. */
  allUp(): Promise<void>;
  close(): Promise<void>;
}

export interface PartyNode {
  readonly program: Program;
  readonly url: string;
}

export interface PartySize {
  readonly nodes: number;
  readonly workers: number;
}

/** The store of the chaos tests, wherever it is. */
export function chaosStore(deployment: Deployment): RedisSettings {
  return { deployment, access: {}, prefix: "chaos", replicas: 1 };
}

/** @param redis where the store is, as the node of this number reaches it */
export async function openParty({
  nodes: nodeCount,
  workers: workerCount,
  redis,
}: PartySize & { readonly redis: (node: number) => RedisSettings }): Promise<Party> {
  const directory = mkdtempSync(join(tmpdir(), "avtomatika-chaos-"));
  const nodes = await Promise.all(
    Array.from({ length: nodeCount }, async (_, index) => {
      const name = `n${index + 1}`;
      const port = await freePort();
      const program = new Program(name, "node-program.ts", {
        CHAOS_NODE: name,
        CHAOS_PORT: String(port),
        CHAOS_REDIS: JSON.stringify(redis(index)),
        CHAOS_CLIENT_TOKEN: clientToken,
        CHAOS_WORKER_TOKEN: workerToken,
      });
      return { program, url: `http://127.0.0.1:${port}` };
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
  const party: Party = {
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
      rmSync(directory, { recursive: true, force: true });
    },
  };
  try {
    await party.allUp();
    return party;
  } catch (error) {
    const told = nodes.map(({ program }) => program.errors.slice(-2000)).join("\n");
    await party.close();
    throw new Error(`The nodes did not come up.\n${told}`, { cause: error });
  }
}
