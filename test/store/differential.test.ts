// All stores give the same answers to the same calls, whatever the calls: random sequences, compared answer by answer.
import fc from "fast-check";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import { openEmbeddedStore } from "../../src/store/embedded/embedded-store.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { startRedisBackend, type RedisBackend } from "../support/redis-backend.ts";
import { hasRedisServer } from "../support/redis-server.ts";
import { roughCalls } from "./random-calls.ts";
import { expectSameAnswers } from "./same-answers.ts";

/** In memory where the system has such a place: nothing here is about disks. */
const root = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
/** Redis in JavaScript is over ten times slower. */
const sequences = hasRedisServer ? 2000 : 50;

let backend: RedisBackend;
beforeAll(async () => {
  backend = await startRedisBackend();
});
afterAll(() => backend.close());

test(
  `the embedded store and Redis answer ${sequences} sequences of calls as the memory store does`,
  { timeout: 600_000 },
  () =>
    fc.assert(
      fc.asyncProperty(roughCalls, async (groups) => {
        const directory = await mkdtemp(join(root, "avtomatika-store-"));
        const clock = new FakeClock();
        const [embedded, { store: redis }] = await Promise.all([
          openEmbeddedStore({ directory, clock }),
          backend.open(clock),
        ]);
        try {
          await expectSameAnswers(groups, [embedded, redis], clock);
        } finally {
          await Promise.all([embedded.close(), redis.close()]);
          await rm(directory, { recursive: true });
        }
      }),
      { numRuns: sequences },
    ),
);
