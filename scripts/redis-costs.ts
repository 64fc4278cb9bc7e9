// What an echo job costs a Redis: bytes once it has ended, and calls while it runs; and what an idle server asks of it.
import { createClient } from "redis";
import { startLiveServer } from "../test/support/live-server.ts";
import { startRedisServer } from "../test/support/redis-server.ts";

const jobs = 2000;
const callers = 16;
const watched = 100;
const idleMs = 10_000;

const redis = await startRedisServer();
const server = { host: "127.0.0.1", port: redis.port };
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const client = await createClient({ socket: server }).connect();
try {
  for (const shards of [1, 64]) {
    await client.flushAll();
    await measure(shards);
  }
} finally {
  client.destroy();
  await redis.close();
}

async function measure(shards: number): Promise<void> {
  const live = await startLiveServer({
    redis: {
      deployment: { kind: "single", server },
      access: {},
      prefix: "avtomatika",
      replicas: 1,
      shards,
    },
  });
  const run = async (): Promise<void> => {
    const body = { message: "Hello", multiply: 3 };
    const prefer = { prefer: "wait=10" };
    const { body: end } = await live.call("POST", "/api/v1/jobs/test", body, prefer);
    if (!(end as { finished: boolean }).finished) throw new Error("A job has not ended.");
  };
  try {
    await run();
    const before = await bytes();
    let left = jobs;
    await Promise.all(
      Array.from({ length: callers }, async () => {
        while (left-- > 0) await run();
      }),
    );
    const each = Math.round(((await bytes()) - before) / jobs);
    say(`SHARDS=${shards}: ${each} bytes for each finished echo job, its history included`);

    const idle = await callsDuring(() => new Promise((resolve) => setTimeout(resolve, idleMs)));
    const total = sum(idle) / (idleMs / 1000);
    say(
      `  idle: ${total.toFixed(1)} calls a second, ${(total / shards).toFixed(2)} for each shard`,
    );
    const busy = await callsDuring(async () => {
      for (let n = 0; n < watched; n++) await run();
    });
    for (const [name, count] of busy)
      say(`  ${(count / watched).toFixed(2)} × ${name} for each job`);
  } finally {
    await live.close();
  }
}

async function bytes(): Promise<number> {
  const info = await client.info("memory");
  return Number(/used_memory_dataset:(\d+)/.exec(info)![1]);
}

/** What clients say to Redis meanwhile, by the name of the command or script. */
async function callsDuring(what: () => Promise<unknown>): Promise<ReadonlyMap<string, number>> {
  const calls = new Map<string, number>();
  const names = await scriptNames();
  const monitor = await createClient({ socket: server }).connect();
  await monitor.monitor((told) => {
    if (told.includes("[0 lua]")) return;
    const [command = "", hash = ""] = [...told.matchAll(/"([^"]*)"/g)].map(([, word]) => word);
    const name = command.toLowerCase() === "evalsha" ? `script ${names.get(hash)}` : command;
    calls.set(name, (calls.get(name) ?? 0) + 1);
  });
  await what();
  monitor.destroy();
  return calls;
}

async function scriptNames(): Promise<ReadonlyMap<string, string>> {
  const { scripts } = await import("../src/store/redis/scripts.ts");
  return new Map(Object.entries(scripts).map(([name, { hash }]) => [hash, name]));
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}
