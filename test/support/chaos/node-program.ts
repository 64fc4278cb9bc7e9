// One node of the chaos tests as a process: a real server over Redis, with leases so short that losing them takes seconds.
import { createLogger } from "../../../src/logger.ts";
import { startServer } from "../../../src/server.ts";
import type { RedisSettings } from "../../../src/store/redis/open-redis-store.ts";
import { order } from "./order.ts";

const { CHAOS_PORT, CHAOS_REDIS, CHAOS_CLIENT_TOKEN, CHAOS_WORKER_TOKEN, CHAOS_NODE } = process.env;

const server = await startServer({
  port: Number(CHAOS_PORT),
  // Nothing is kept there: the store is Redis.
  dataDirectory: "./unused",
  redis: JSON.parse(CHAOS_REDIS!) as RedisSettings,
  instanceId: CHAOS_NODE!,
  blueprints: [order],
  clientToken: CHAOS_CLIENT_TOKEN!,
  workerToken: CHAOS_WORKER_TOKEN!,
  log: createLogger({ level: "error", format: "json", destination: process.stderr }),
  limits: { leaseMs: 3_000, acceptMs: 1_000, cancelGraceMs: 1_000 },
  gatewayLimits: { heartbeatMs: 700, heartbeatsMissedMax: 3, acceptMs: 1_000, reconnectMs: 200 },
});
process.stdout.write(`${server.url}\n`);
process.once("SIGTERM", () => void server.close(500).then(() => process.exit(0)));
