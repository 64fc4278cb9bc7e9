// The store in Redis keeps every promise, on a real redis-server that is killed wherever the store is opened again.
import { afterAll, beforeAll } from "vitest";
import { startRedisBackend, type RedisBackend } from "../support/redis-backend.ts";
import { notInJs } from "../support/redis-in-js.ts";
import { hasRedisServer } from "../support/redis-server.ts";
import { exerciseStore } from "./conformance.ts";

let backend: RedisBackend;
beforeAll(async () => {
  backend = await startRedisBackend();
});
afterAll(() => backend.close());

exerciseStore({
  name: hasRedisServer ? "redis" : "js-redis-server",
  open: (clock) => backend.open(clock),
  skip: hasRedisServer ? {} : notInJs,
});
