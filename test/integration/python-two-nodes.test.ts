// Three Python workers with one id over two nodes, whose addresses they use in turn: no lease ends while its worker is well.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, test } from "vitest";
import { flow } from "../../src/blueprint/flow.ts";
import { startServer } from "../../src/server.ts";
import { noPython, startPythonWorker } from "../support/python-worker.ts";
import { hasRedisServer, startRedisServer } from "../support/redis-server.ts";

const workerToken = "worker-token-of-the-tests";
const log = pino({ level: "silent" });
const seconds = 30;

const pauses = flow("pauses", { version: "1" })
  .state("start", { isStart: true, to: ["completed", "failed"] }, (ctx) => {
    ctx.actions.dispatchTask({
      type: "pause",
      params: ctx.initialData,
      transitions: { success: "completed", failure: "failed" },
    });
  })
  .build();

test.skipIf(noPython !== undefined || !hasRedisServer)(
  "tasks that outlast their leases end with their first attempts, whichever node hears of them",
  { timeout: 180_000 },
  async () => {
    const redis = await startRedisServer();
    const directory = await mkdtemp(join(tmpdir(), "python-two-nodes-"));
    const server = { host: "127.0.0.1", port: redis.port };
    const nodes = await Promise.all(
      ["a", "b"].map((instanceId) =>
        startServer({
          port: 0,
          dataDirectory: join(directory, instanceId),
          instanceId,
          redis: { deployment: { kind: "single", server }, access: {}, prefix: "py", replicas: 0 },
          blueprints: [pauses],
          clientToken: "client-token-of-the-tests",
          workerToken,
          log,
          limits: { runTimeoutMs: 120_000 },
          gatewayLimits: { olderLeaseMs: 6_000 },
        }),
      ),
    );
    const urls = nodes.map(({ url }) => url).join(",");
    const workers = ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map((LOCAL_ADDRESS) =>
      startPythonWorker(urls, workerToken, {
        WORKER_ID: "shared",
        LOCAL_ADDRESS,
        MAX_CONCURRENT_TASKS: "4",
      }),
    );
    try {
      const { jobs } = nodes[0]!.runtime;
      const all: string[] = [];
      const add = async (length: number): Promise<void> => {
        all.push((await jobs.start({ blueprint: "pauses", input: { seconds: length } })).jobId);
      };
      const begun = performance.now();
      for (let one = 0; one < 5; one++) await add(seconds);
      let more = 0;
      // Short ones come and go beside those that are longer than several leases.
      while (performance.now() - begun < seconds * 1_000) {
        await add(0.2);
        const jobId = all.at(-1)!;
        await jobs.wait(jobId, 30_000);
        more++;
        for (const long of all.slice(0, 5)) {
          const [wait] = (await jobs.get(long))!.waits;
          if (wait?.kind === "task") expect(wait.attempt).toBeLessThanOrEqual(1);
        }
      }
      expect(more).toBeGreaterThan(5);
      for (const jobId of all)
        expect(await jobs.wait(jobId, 60_000)).toMatchObject({ currentState: "completed" });
    } finally {
      await Promise.all(workers.map((one) => one.kill()));
      await Promise.all(nodes.map((node) => node.close(0)));
      await redis.close();
      await rm(directory, { recursive: true, force: true });
    }
  },
);
