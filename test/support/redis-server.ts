// A real redis-server of a test's own: on a free port of loopback, with its data in a temporary directory.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.ts";

export interface RedisServer {
  readonly port: number;
  readonly directory: string;
  /** The process; another one after each start. */
  readonly process: ChildProcess;
  /** End it, by SIGKILL where nothing else is asked for, and wait until it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Start it again over what it has kept. */
  start(): Promise<void>;
  /** End it and forget its data. */
  close(): Promise<void>;
}

/** REDIS_SERVER names another program, such as valkey-server. */
export const redisServer = process.env["REDIS_SERVER"] ?? "redis-server";
export const hasRedisServer = spawnSync(redisServer, ["--version"]).status === 0;

/** In memory where the system has such a place: most tests are not about disks. */
const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/**
 * @param settings as on the command line of redis-server; what it writes is flushed before it answers, unless they say otherwise
 * @param root where its directory is made: in memory, unless a disk is to be measured too
 */
export async function startRedisServer(
  settings: readonly string[] = [],
  root: string = memory,
): Promise<RedisServer> {
  const directory = await mkdtemp(join(root, "avtomatika-redis-"));
  const port = await freePort();
  const place = ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory];
  const durable = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];
  const args = [...place, ...durable, ...settings];
  let running: ChildProcess | undefined;
  const server: RedisServer = {
    port,
    directory,
    get process() {
      return running!;
    },
    async start() {
      if (running && running.exitCode === null && running.signalCode === null) return;
      running = spawn(redisServer, args, { stdio: "ignore" });
      await eventually(() => answers(port), { timeoutMs: 20_000 });
    },
    async kill(signal = "SIGKILL") {
      if (!running || running.exitCode !== null || running.signalCode !== null) return;
      const gone = once(running, "exit");
      running.kill(signal);
      await gone;
    },
    async close() {
      await server.kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

/** Whether a Redis answers there, having loaded what it has. */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    socket.write("PING\r\n");
    const [data] = (await once(socket, "data")) as [Buffer];
    // One that wants a password is there, too.
    return /^(\+PONG|-NOAUTH)/.test(data.toString());
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Below the range from which the system takes ports for outgoing connections, lest one of those takes it first. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer();
    probe.listen(port, "127.0.0.1");
    try {
      await once(probe, "listening");
      const { port: free } = probe.address() as AddressInfo;
      probe.close();
      await once(probe, "close");
      return free;
    } catch {
      // Somebody has it.
    }
  }
}
