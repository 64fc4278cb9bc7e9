// How a server starts: its port comes first, so that where it is taken nothing is left behind; and it says where its jobs are.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { createClient } from "redis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { startServer, type Server, type ServerOptions } from "../../src/server.ts";
import { freePort, runCli } from "../support/cli-process.ts";
import { eventually } from "../support/eventually.ts";
import { startRedisServer, type RedisServer } from "../support/redis-server.ts";
import { work } from "../support/work-world.ts";

const taken = createServer();
let port: number;
let redis: RedisServer;
let directory: string;
beforeAll(async () => {
  taken.listen(0, "127.0.0.1");
  await once(taken, "listening");
  ({ port } = taken.address() as AddressInfo);
  redis = await startRedisServer();
});
afterAll(async () => {
  taken.close();
  await redis.close();
});
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "avtomatika-port-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function start(options: Partial<ServerOptions>): Promise<Server> {
  return startServer({
    dataDirectory: join(directory, "data"),
    blueprints: [work("plain")],
    clientToken: "client-token-of-the-tests",
    workerToken: "worker-token-of-the-tests",
    log: pino({ level: "silent" }),
    ...options,
  });
}

const inRedis = (at: number): Pick<ServerOptions, "redis"> => ({
  redis: {
    deployment: { kind: "single", server: { host: "127.0.0.1", port: at } },
    access: {},
    prefix: "avtomatika",
    replicas: 0,
  },
});

test("a port in use leaves no trace in the data directory, nor an archive", async () => {
  const archive = join(directory, "archive.db");
  const starting = start({ port, archiveUri: `sqlite:${archive}` });
  await expect(starting).rejects.toMatchObject({ code: "server.port_in_use" });
  expect(existsSync(join(directory, "data"))).toBe(false);
  expect(existsSync(archive)).toBe(false);
});

test("a port in use leaves no trace in Redis", async () => {
  const starting = start({ port, ...inRedis(redis.port) });
  await expect(starting).rejects.toMatchObject({ code: "server.port_in_use" });
  const client = createClient({ socket: { host: "127.0.0.1", port: redis.port } });
  client.on("error", () => {});
  await client.connect();
  expect(await client.keys("*")).toEqual([]);
  client.destroy();
});

test("a port in use is told though Redis does not answer", async () => {
  const nowhere = `redis://127.0.0.1:${await freePort()}`;
  const args = ["start", "--port", `${port}`, "--data", directory, "--redis-url", nowhere];
  const cli = runCli(args, { LOG_LEVEL: "silent" });
  expect(await cli.exited).toBe(5);
  expect(cli.output.stderr).toContain("server.port_in_use");
});

test("whoever comes before the store is open is told to come again", async () => {
  const own = await freePort();
  redis.process.kill("SIGSTOP");
  const starting = start({ port: own, ...inRedis(redis.port) });
  const url = `http://127.0.0.1:${own}`;
  const early = await eventually(() => fetch(`${url}/api/v1/workers`).catch(() => undefined));
  expect(early.status).toBe(503);
  expect(early.headers.get("retry-after")).toBe("1");
  expect(await early.json()).toMatchObject({ code: "server.not_ready" });
  redis.process.kill("SIGCONT");
  const server = await starting;
  expect(server.url).toBe(url);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  await server.close(0);
});

test("what a start says names the Redis that it is over, and no password", async () => {
  const own = { REDIS_URL: `redis://default:not-shown@127.0.0.1:${redis.port}/0` };
  const cli = runCli(["start", "--port", "0", "--data", directory], {
    LOG_LEVEL: "silent",
    ...own,
  });
  await eventually(() => cli.output.stdout.includes("worker token"), { timeoutMs: 30_000 });
  expect(cli.output.stdout).toContain(`127.0.0.1:${redis.port} (prefix avtomatika)`);
  expect(cli.output.stdout).not.toMatch(/not-shown|\n +data /);
  expect(await cli.kill("SIGTERM")).toBe(0);
});
