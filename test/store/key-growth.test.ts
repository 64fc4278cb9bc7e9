// Keys whose time is over leave every store, so that what lies there does not grow with all that were ever claimed.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "redis";
import { expect, test } from "vitest";
import { openEmbeddedStore } from "../../src/store/embedded/embedded-store.ts";
import { openDatabase } from "../../src/store/embedded/format.ts";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import type { Store } from "../../src/store/store.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { startRedisBackend } from "../support/redis-backend.ts";

const claimed = 300;
const atOnce = 20;

/** Claim many keys for a short time, and as many others when that is over. */
async function claimTwice(store: Store, clock: FakeClock): Promise<void> {
  const all = async (name: string, forMs: number) => {
    for (let n = 0; n < claimed; n += atOnce)
      await Promise.all(
        Array.from({ length: atOnce }, (_, m) => store.claimKey(`${name}${n + m}`, "gone", forMs)),
      );
  };
  await all("early", 10_000);
  await clock.advance(20_000);
  await all("late", 60_000);
}

test("the memory store holds the keys that are kept", async () => {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  await claimTwice(store, clock);
  expect(store.snapshot().keys.size).toBe(claimed);
});

test("the embedded store holds the keys that are kept", async () => {
  const directory = await mkdtemp(join(tmpdir(), "avtomatika-keys-"));
  const clock = new FakeClock();
  const store = await openEmbeddedStore({ directory, clock });
  await claimTwice(store, clock);
  await store.close();
  const database = await openDatabase(directory);
  const tables = [...database.getKeys({})].map(([table]) => table);
  await database.close();
  expect(tables.filter((table) => table === "k")).toHaveLength(claimed);
  expect(tables.filter((table) => table === "u")).toHaveLength(claimed);
  await rm(directory, { recursive: true });
});

test("Redis holds little more than the keys that are kept", async () => {
  const backend = await startRedisBackend();
  const client = createClient({ socket: { host: "127.0.0.1", port: backend.port } });
  await client.connect();
  const clock = new FakeClock();
  const { store } = await backend.open(clock);
  await claimTwice(store, clock);
  const early = async () => (await client.keys("*:early*")).length;
  // Keys lie in 64 spaces, and whoever claims looks into one.
  await eventually(async () => (await early()) < claimed / 10);
  expect(await client.keys("*:late*")).toHaveLength(claimed);
  client.destroy();
  await store.close();
  await backend.close();
});
