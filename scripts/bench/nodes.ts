// What a second node costs: the same load on one node and on two that share one Redis, in turn.
import { startRedisServer } from "../../test/support/redis-server.ts";
import { echoFlow, loadOnly } from "./load.ts";
import { median } from "./medians.ts";
import {
  cpuSeconds,
  hasWorkers,
  startServer,
  startWorker,
  stop,
  type BenchServer,
} from "./processes.ts";

const credits = 64;
const callers = 50;

/** Two clients and two workers: all at one node, or one of each at either. */
interface Arrangement {
  readonly name: string;
  readonly nodes: readonly BenchServer[];
  close(): Promise<void>;
}

/**
 * Each arrangement has a database of its own on one redis-server. Prints the nodes' CPU for each job.
 *
 * @param jobs of one client in one round
 */
export async function benchNodes(jobs: number, rounds: number): Promise<void> {
  const redis = await startRedisServer(["--appendfsync", "everysec"]);
  const arrangements: Arrangement[] = [];
  try {
    for (const count of [1, 2]) arrangements.push(await arrange(count, redis.port));
    for (const one of arrangements) await run(one, jobs / 4);
    const measured = new Map(arrangements.map(({ name }) => [name, [] as number[]]));
    for (let round = 0; round < rounds; round++)
      for (const one of arrangements) measured.get(one.name)!.push(await run(one, jobs));
    for (const [name, values] of measured)
      process.stdout.write(`${name}: ${median(values).toFixed(2)} ms CPU of nodes for each job\n`);
    const [alone, together] = [...measured.values()];
    const ratios = together!.map((value, round) => value / alone![round]!);
    process.stdout.write(
      `two nodes to one: ${median(ratios).toFixed(2)} × (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)} over ${rounds} rounds)\n`,
    );
  } finally {
    for (const one of arrangements) await one.close();
    await redis.close();
  }
}

async function arrange(count: number, port: number): Promise<Arrangement> {
  const env = {
    REDIS_URL: `redis://127.0.0.1:${port}/${count}`,
    DURABILITY: "relaxed",
    SHARDS: "1",
  };
  const nodes: BenchServer[] = [];
  // One after the other: they share the tokens of the first.
  for (let index = 0; index < count; index++) {
    const [first] = nodes;
    const shared: Record<string, string> =
      first === undefined
        ? {}
        : { CLIENT_TOKEN: first.clientToken, GLOBAL_WORKER_TOKEN: first.workerToken };
    nodes.push({ ...(await startServer({ env: { ...env, ...shared } })), ...tokensOf(first) });
  }
  const workers = [0, 1].map((index) => {
    const { url, workerToken } = nodes[index % count]!;
    return startWorker("worker/tasks/echo-task.js", url, workerToken, credits);
  });
  await hasWorkers(nodes[0]!, workers.length, workers[0]!);
  return {
    name: count === 1 ? "one node" : "two nodes",
    nodes,
    async close() {
      for (const worker of workers) await stop(worker);
      for (const node of nodes) await node.close();
    },
  };
}

function tokensOf(node: BenchServer | undefined) {
  return node && { clientToken: node.clientToken, workerToken: node.workerToken };
}

/** Two clients at once. @returns the nodes' milliseconds of CPU for each job */
async function run({ nodes }: Arrangement, jobs: number): Promise<number> {
  const used = (): number => nodes.reduce((sum, { server }) => sum + cpuSeconds(server.pid!), 0);
  const before = used();
  await Promise.all(
    [0, 1].map((client) => loadOnly(nodes[client % nodes.length]!, echoFlow, jobs, callers)),
  );
  return ((used() - before) * 1000) / (2 * jobs);
}
