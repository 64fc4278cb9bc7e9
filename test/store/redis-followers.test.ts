// Who follows jobs in Redis is forgotten with the jobs, and with the nodes.
import { createClient } from "redis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Store } from "../../src/store/store.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import {
  startRedisBackend,
  type OpenedRedis,
  type RedisBackend,
} from "../support/redis-backend.ts";
import { turn } from "./sample.ts";

let backend: RedisBackend;
let admin: Awaited<ReturnType<typeof connected>>;
let clock: FakeClock;
let opened: OpenedRedis;
let store: Store;
let other: Store;
let stores = -1;

const connected = (port: number) => createClient({ socket: { host: "127.0.0.1", port } }).connect();

beforeAll(async () => {
  backend = await startRedisBackend();
  admin = await connected(backend.port);
});
beforeEach(async () => {
  clock = new FakeClock();
  opened = await backend.open(clock, { shards: 2 });
  stores++;
  store = opened.store;
  other = await opened.join("other");
  for (const node of [store, other]) await node.nodes.announce({}, 1000);
  for (const jobId of ["0_a", "1_b", "1_c"]) {
    await store.commit(turn(jobId, 1));
    await other.nodes.follow(jobId);
  }
  await store.nodes.follow("1_b");
});
afterEach(() => store.close());
afterAll(async () => {
  admin.destroy();
  await backend.close();
});

const key = (name: string) => `{test${stores}${name}`;
/** Who follows what, in both shards. */
async function following(): Promise<Readonly<Record<string, readonly string[]>>> {
  const rows = await Promise.all([0, 1].map((shard) => admin.hGetAll(key(`.${shard}}:follow`))));
  const all = rows.flatMap((row) => Object.entries(row));
  return Object.fromEntries(
    all.map(([jobId, nodes]) => [jobId, nodes.trim().split(" ").toSorted()]),
  );
}
const otherForgotten = () =>
  eventually(async () => {
    expect(await following()).toEqual({ "1_b": ["node"] });
    expect(await admin.hKeys(key("}:nodes"))).toEqual(["node"]);
    return true;
  });
const everything = { "0_a": ["other"], "1_b": ["node", "other"], "1_c": ["other"] };

test("a job that is removed is followed no more", async () => {
  await store.commit(turn("1_c", 2, { status: "finished" }));
  await other.nodes.follow("1_c");
  expect(await following()).toEqual(everything);
  await store.removeJob("1_c");
  expect(await following()).toEqual({ "0_a": ["other"], "1_b": ["node", "other"] });
});

test("a node that has gone follows nothing any more", async () => {
  await other.close();
  expect(await store.nodes.announce({}, 1000)).toHaveLength(1);
  await otherForgotten();
});

test("a node that falls silent is followed up for an hour, and then forgotten", async () => {
  await clock.advance(1001);
  expect(await store.nodes.announce({}, 5_000_000)).toHaveLength(1);
  // It was only slow.
  await other.nodes.announce({}, 1000);
  expect(await store.commit(turn("0_a", 2))).toMatchObject({ followers: ["other"] });
  await clock.advance(3_600_000);
  await store.nodes.announce({}, 5_000_000);
  expect(await following()).toEqual(everything);
  await clock.advance(1001);
  await store.nodes.announce({}, 5_000_000);
  await otherForgotten();
});
