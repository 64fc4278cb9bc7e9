// Writes of one moment share a transaction, and one that throws takes nobody with it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Batch } from "../../../../src/store/embedded/batch.ts";
import { openDatabase } from "../../../../src/store/embedded/format.ts";
import { GroupCommit } from "../../../../src/store/embedded/group-commit.ts";
import { Tables, type Database } from "../../../../src/store/embedded/tables.ts";
import { StoreTime } from "../../../../src/store/store-time.ts";
import { FakeClock } from "../../../support/fake-clock.ts";

let directory: string;
let database: Database;
let tables: Tables;
let commits: GroupCommit;
/** What has passed on the store's clock, in milliseconds. */
let passedMs: number;
beforeEach(async () => {
  passedMs = 0;
  const clock = new FakeClock();
  clock.monotonic = () => passedMs;
  directory = await mkdtemp(join(tmpdir(), "avtomatika-store-"));
  database = await openDatabase(directory);
  tables = new Tables(database, directory);
  commits = new GroupCommit(database, tables, new StoreTime(clock), "node");
});
afterEach(async () => {
  await commits.drain();
  await database.close();
  await rm(directory, { recursive: true });
});

const put = (name: string) => (batch: Batch) => {
  batch.tables.put(["z", name], name);
  return batch;
};

test("writes of one moment share one transaction, in the order of the calls", async () => {
  const batches = await Promise.all(["a", "b", "c"].map((name) => commits.write(put(name))));
  expect(new Set(batches).size).toBe(1);
  expect(tables.range(["z"], ["z", "~"]).map(({ value }) => value)).toEqual(["a", "b", "c"]);
});

test("writes that come during a flush gather for the next transaction", async () => {
  const gathered: Promise<Batch>[] = [];
  const first = await commits.write((batch) => {
    for (const name of ["b", "c"]) gathered.push(commits.write(put(name)));
    return put("a")(batch);
  });
  const [second, third] = await Promise.all(gathered);
  expect(second).not.toBe(first);
  expect(third).toBe(second);
});

test("a write sees what the writes before it in the same transaction wrote", async () => {
  void commits.write(put("a"));
  expect(await commits.write((batch) => batch.tables.get(["z", "a"]))).toBe("a");
});

test("of a write that throws nothing stays, and the others of its transaction are applied", async () => {
  const results = await Promise.allSettled([
    commits.write(put("a")),
    commits.write((batch) => {
      put("b")(batch);
      throw new Error("changed my mind");
    }),
    commits.write(put("c")),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(tables.range(["z"], ["z", "~"]).map(({ value }) => value)).toEqual(["a", "c"]);
});

test("what LMDB cannot begin is told to those who wait for it, however it is asked", async () => {
  const broken = new Error("the environment is broken");
  database.transactionSync = () => {
    throw broken;
  };
  database.childTransaction = () => Promise.reject(broken);
  const refusal = { code: "store.unusable" };
  await expect(commits.write(put("a"))).rejects.toMatchObject(refusal);
  const both = await Promise.allSettled([commits.write(put("b")), commits.write(put("c"))]);
  expect(both).toMatchObject([{ reason: refusal }, { reason: refusal }]);
});

test("a lone write that throws is undone too, and the next one goes on", async () => {
  const thrown = commits.write((batch) => {
    put("a")(batch);
    throw new Error("changed my mind");
  });
  await expect(thrown).rejects.toThrow("changed my mind");
  await commits.write(put("b"));
  expect(tables.range(["z"], ["z", "~"]).map(({ value }) => value)).toEqual(["b"]);
});

test("a lone write waits for the disk on the spot while that is quick", async () => {
  const ways: string[] = [];
  const onTheSpot = database.transactionSync.bind(database);
  const elsewhere = database.childTransaction.bind(database);
  let slowMs = 0;
  database.transactionSync = ((transaction: () => unknown) => {
    ways.push("on the spot");
    passedMs += slowMs;
    return onTheSpot(transaction);
  }) as typeof database.transactionSync;
  database.childTransaction = ((transaction: () => unknown) => {
    ways.push("elsewhere");
    return elsewhere(transaction);
  }) as typeof database.childTransaction;
  await commits.write(put("a"));
  slowMs = 200;
  await commits.write(put("b"));
  await commits.write(put("c"));
  expect(ways).toEqual(["on the spot", "on the spot", "elsewhere"]);
  slowMs = 0;
  for (let more = 0; more < 50; more++) await commits.write(put("d"));
  expect(ways.at(-1)).toBe("on the spot");
});
