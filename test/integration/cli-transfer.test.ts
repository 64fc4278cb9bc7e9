// Jobs move from the embedded store to Redis and back by `avtomatika export` and `import`, and end as if nothing had been.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BlueprintRegistry } from "../../src/blueprint/registry.ts";
import { loadBlueprints } from "../../src/blueprint/load.ts";
import { systemClock } from "../../src/clock.ts";
import { openEmbeddedStore } from "../../src/store/embedded/embedded-store.ts";
import type { RedisSettings } from "../../src/store/redis/open-redis-store.ts";
import { auditStore } from "../support/audit.ts";
import { runCli } from "../support/cli-process.ts";
import { eventually } from "../support/eventually.ts";
import { startLiveServer, type LiveServer } from "../support/live-server.ts";
import { startRedisServer, type RedisServer } from "../support/redis-server.ts";

const directory = mkdtempSync(join(tmpdir(), "avtomatika-transfer-"));
const [first, second] = [join(directory, "first"), join(directory, "second")];
const [outOfFirst, outOfRedis] = [join(directory, "1.ndjson"), join(directory, "2.ndjson")];
const order = {
  orderId: "o-1",
  lines: [{ sku: "lamp", quantity: 2 }],
  amountCents: 90_000,
  card: "4242",
  address: "1 Main Street",
};

let redis: RedisServer;
let url: string;
let settings: RedisSettings;
let live: LiveServer | undefined;
beforeAll(async () => {
  redis = await startRedisServer();
  url = `redis://127.0.0.1:${redis.port}`;
  const server = { host: "127.0.0.1", port: redis.port };
  settings = {
    deployment: { kind: "single", server },
    access: {},
    prefix: "avtomatika",
    replicas: 1,
  };
});
afterAll(async () => {
  await live?.close();
  await redis.close();
  rmSync(directory, { recursive: true, force: true });
});

async function run(...args: string[]) {
  const cli = runCli([...args, "--json"]);
  const code = await cli.exited;
  const { stdout, stderr } = cli.output;
  return { code, said: JSON.parse(stdout || stderr) as Record<string, unknown> };
}

async function start(blueprint: string, data: unknown, key: string): Promise<string> {
  const body = { blueprint, data };
  const answer = await live!.call("POST", "/jobs", body, { "idempotency-key": key });
  return (answer.body as { job_id: string }).job_id;
}

async function stateOf(jobId: string): Promise<string> {
  const { body } = await live!.call("GET", `/api/v1/jobs/${jobId}`);
  return (body as { current_state: string }).current_state;
}

test(
  "jobs that are under way move to Redis and back, and then end",
  { timeout: 120_000 },
  async () => {
    live = await startLiveServer({ dataDirectory: first });
    const done = await start("test_flow", { message: "a", multiply: 1 }, "done");
    const approved = await start("order_approval", order, "approved");
    await eventually(async () => (await stateOf(done)) === "completed");
    await eventually(async () => /approv/i.test(await stateOf(approved)), { timeoutMs: 20_000 });
    await live.worker.stop({ graceMs: 1000 });
    const waiting: string[] = [];
    for (let n = 0; n < 20; n++)
      waiting.push(await start("test_flow", { message: "b", multiply: n + 1 }, `waiting ${n}`));

    expect(await run("export", outOfFirst, "--data", first)).toMatchObject({
      code: 5,
      said: { code: "store.in_use" },
    });
    await live.close();
    expect(await run("export", outOfFirst, "--data", first)).toEqual({
      code: 0,
      said: { out: outOfFirst, jobs: 22, keys: 22 },
    });
    expect(await run("export", outOfFirst, "--data", first)).toMatchObject({ code: 2 });

    // An import that breaks off is gone on with by doing it again.
    const lines = readFileSync(outOfFirst, "utf8").trimEnd().split("\n");
    const torn = join(directory, "torn.ndjson");
    writeFileSync(torn, lines.slice(0, 10).join("\n"));
    expect(await run("import", torn, "--redis-url", url)).toMatchObject({
      code: 2,
      said: { error: expect.stringContaining("the end is missing") as string },
    });
    const taken = { jobs: 22, keys: 22, present: 9, behind: [] };
    expect(await run("import", outOfFirst, "--redis-url", url)).toEqual({ code: 0, said: taken });

    live = await startLiveServer({ redis: settings, limits: { leaseMs: 3000 } });
    await live.worker.stop({ graceMs: 1000 });
    expect(await start("test_flow", { message: "b", multiply: 1 }, "waiting 0")).toBe(waiting[0]);
    expect(await run("export", outOfRedis, "--redis-url", url)).toMatchObject({
      code: 5,
      said: { code: "store.in_use" },
    });
    expect(await run("import", outOfFirst, "--redis-url", url)).toMatchObject({ code: 5 });
    await live.close();
    expect((await run("export", outOfRedis, "--redis-url", url)).code).toBe(0);
    expect((await run("import", outOfRedis, "--data", second)).code).toBe(0);

    live = await startLiveServer({ dataDirectory: second });
    await live.call("POST", `/api/v1/jobs/${approved}/events`, { type: "APPROVE", by: "me" });
    for (const jobId of waiting)
      await eventually(async () => (await stateOf(jobId)) === "completed", { timeoutMs: 20_000 });
    await eventually(async () => (await stateOf(approved)) === "paid", {
      timeoutMs: 20_000,
    });
    await live.close();
    live = undefined;

    const store = await openEmbeddedStore({ directory: second, clock: systemClock });
    const blueprints = new BlueprintRegistry();
    for (const one of await loadBlueprints(join(import.meta.dirname, "../../machines")))
      blueprints.register(one.blueprint);
    const audit = await auditStore(store, blueprints);
    await store.close();
    expect(audit.violations).toEqual([]);
    expect(audit.jobs.size).toBe(22);
  },
);

test("a file that is no export is refused, and a machine is shown its own way", async () => {
  const machine = join(directory, "machine.json");
  writeFileSync(
    machine,
    JSON.stringify({ id: "m", initial: "a", states: { a: {} } }, undefined, 2),
  );
  const { code, said } = await run("import", machine, "--data", join(directory, "none"));
  expect(code).toBe(2);
  expect(said["error"]).toContain("avtomatika machine import");
});
