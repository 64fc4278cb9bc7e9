// A node speaks to one Redis over several sockets: calls of a shard keep their order, and all sockets lead to one server.
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { createClient } from "redis";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { Connection, socketsOfCalls } from "../../src/store/redis/connection.ts";
import { Keys } from "../../src/store/redis/keys.ts";
import { eventually } from "../support/eventually.ts";
import { startRedisServer, type RedisServer } from "../support/redis-server.ts";

let redis: RedisServer;
let admin: ReturnType<typeof createClient>;
let open: Connection[] = [];
beforeEach(async () => {
  redis = await startRedisServer();
  admin = createClient({ socket: { host: "127.0.0.1", port: redis.port } });
  await admin.connect();
  open = [];
});
afterEach(async () => {
  for (const connection of open) connection.close();
  admin.destroy();
  await redis.close();
});

test("keys of one slot share a socket, and the first shards have one each", async () => {
  const connection = connectTo(redis.port);
  await connection.ready(5000);
  const keys = new Keys("avtomatika");
  const shards = Array.from({ length: socketsOfCalls }, (_, number) => keys.shard(number));
  for (const shard of shards)
    for (const key of [...shard.all, shard.job("0_a"), shard.job("0_b")])
      expect(connection.clientFor(key)).toBe(connection.clientFor(shard.tag));
  expect(new Set(shards.map(({ tag }) => connection.clientFor(tag))).size).toBe(socketsOfCalls);
});

test("where one socket breaks, all are made anew", async () => {
  const connection = connectTo(redis.port);
  await connection.ready(5000);
  const before = await othersIds();
  expect(before).toHaveLength(socketsOfCalls);
  await admin.sendCommand(["CLIENT", "KILL", "ID", before[1]!]);
  await eventually(async () => {
    const now = await othersIds();
    return now.length === socketsOfCalls && !now.some((id) => before.includes(id));
  });
  await connection.ready(5000);
});

test("sockets that lead to two servers are no connection", async () => {
  const other = await startRedisServer();
  let taken = 0;
  let between = true;
  const sockets = new Set<{ destroy(): void }>();
  const balancer = createServer((client) => {
    const port = between && taken++ % 2 === 1 ? other.port : redis.port;
    const server = connect(port, "127.0.0.1");
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on("error", () => {});
    }
    client.on("close", () => server.destroy()).pipe(server);
    server.on("close", () => client.destroy()).pipe(client);
  }).listen(0, "127.0.0.1");
  await once(balancer, "listening");
  try {
    const connection = connectTo((balancer.address() as AddressInfo).port);
    await expect(connection.ready(1000)).rejects.toMatchObject({
      code: "store.unavailable",
      message: expect.stringContaining("several servers"),
    });
    between = false;
    await connection.ready(5000);
  } finally {
    balancer.close();
    for (const socket of sockets) socket.destroy();
    await other.close();
  }
});

test("a Redis that takes no more clients is waited for, and no socket is left half way", async () => {
  await admin.configSet("maxclients", "3");
  const connection = connectTo(redis.port);
  await expect(connection.ready(1000)).rejects.toMatchObject({
    code: "store.unavailable",
    message: expect.stringContaining("max number of clients"),
  });
  await eventually(async () => (await othersIds()).length === 0);
  await admin.configSet("maxclients", "100");
  await connection.ready(5000);
  expect(await othersIds()).toHaveLength(socketsOfCalls);
});

function connectTo(port: number): Connection {
  const connection = new Connection({
    locate: async () => ({ host: "127.0.0.1", port }),
    access: {},
    clock: systemClock,
    sockets: socketsOfCalls,
  });
  open.push(connection);
  return connection;
}

/** Ids of the clients of the Redis, without this test's own. */
async function othersIds(): Promise<readonly string[]> {
  const own = await admin.clientId();
  const clients = await admin.clientList();
  return clients
    .map(({ id }) => id)
    .filter((id) => id !== own)
    .map(String);
}
