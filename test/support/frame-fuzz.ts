// Sends what no worker should send, in both dialects, to a real gateway and runtime, and watches what comes of it.
import { once } from "node:events";
import { createConnection, type AddressInfo } from "node:net";
import { createServer, request as httpRequest } from "node:http";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { pino } from "pino";
import { WebSocket } from "ws";
import { systemClock } from "../../src/clock.ts";
import { BlueprintRegistry } from "../../src/blueprint/registry.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import { WorkerTokens } from "../../src/gateway/worker-tokens.ts";
import { closeCodes, workerSubprotocol } from "../../src/protocol/worker-frames.ts";
import { createRuntime } from "../../src/runtime/create-runtime.ts";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import type { Random } from "./random.ts";
import { seededRandom } from "./random.ts";
import { echoFlow } from "./sample-blueprints.ts";

const token = "worker-token-of-the-tests";

export interface FuzzOptions {
  readonly frames: number;
  readonly seed: number;
  readonly onProgress?: (sent: number) => void;
}

export interface FuzzFindings {
  readonly sent: number;
  /** How often a connection was closed with each code, and a request answered with each status. */
  readonly closes: Readonly<Record<string, number>>;
  readonly statuses: Readonly<Record<string, number>>;
  /** What must not be: codes out of the table, failures of the server, errors that nobody caught. */
  readonly problems: readonly string[];
  /** Growth of the heap in bytes, from after a tenth of the frames to the end. */
  readonly heapGrowth: number;
}

/** Codes of docs/protocol.md, and those that the WebSocket layer says itself. 1005: no code was said. */
const allowedCloses: ReadonlySet<number> = new Set([
  ...Object.values(closeCodes),
  1000,
  1001,
  1002,
  1003,
  1005,
  1006,
  1007,
  1008,
  1009,
]);
const allowedStatuses: ReadonlySet<number> = new Set([200, 204, 400, 401, 404, 405, 413]);

const lanesAtOnce = 16;
/** More growth than this is a leak, in bytes. */
export const heapGrowthMax = 100 * 1024 * 1024;

export async function fuzzFrames({ frames, seed, onProgress }: FuzzOptions): Promise<FuzzFindings> {
  const problems: string[] = [];
  const closes: Record<string, number> = {};
  const statuses: Record<string, number> = {};
  const complain = (error: unknown): void => void problems.push(`not caught: ${String(error)}`);
  process.on("uncaughtException", complain).on("unhandledRejection", complain);
  const server = await openServer((line) => problems.push(line));
  let sent = 0;
  let heapBefore = 0;
  try {
    await server.startJobs();
    const lane = async (random: Random): Promise<void> => {
      while (sent < frames) {
        if (random.chance(0.7)) {
          const { count, code } = await converse(server.port, random);
          sent += count;
          closes[code] = (closes[code] ?? 0) + 1;
          if (!allowedCloses.has(code)) problems.push(`closed with ${code}`);
        } else {
          const status = await ask(server.port, random);
          sent++;
          statuses[status] = (statuses[status] ?? 0) + 1;
          if (!allowedStatuses.has(status) && status !== 0)
            problems.push(`answered with ${status}`);
        }
        onProgress?.(sent);
      }
    };
    // Each with choices of its own, which the others' pace does not change.
    const lanes = Array.from({ length: lanesAtOnce }, (_, n) =>
      lane(seededRandom(seed * 1000 + n)),
    );
    const firstTenth = (async () => {
      while (sent < frames / 10) await new Promise((resolve) => setTimeout(resolve, 10));
      heapBefore = await usedHeap();
    })();
    await Promise.all([...lanes, firstTenth]);
    if (!(await server.finishesJobs()))
      problems.push("an honest worker can't finish a job any more");
    const heapGrowth = (await usedHeap()) - heapBefore;
    return { sent, closes, statuses, problems, heapGrowth };
  } finally {
    process.off("uncaughtException", complain).off("unhandledRejection", complain);
    await server.close();
  }
}

async function openServer(complain: (line: string) => void) {
  const clock = systemClock;
  const store = new MemoryStore({ clock });
  const blueprints = new BlueprintRegistry();
  blueprints.register(echoFlow);
  const log = pino({ level: "error" }, { write: (line) => complain(line.slice(0, 2_000)) });
  const runtime = createRuntime({ store, blueprints, clock, log });
  const limits = { pollMs: 5, plainPollMs: 5, helloMs: 2_000 };
  const tokens = new WorkerTokens(token, new Map([["own", { token: "own-token" }]]));
  const gateway = createGateway({ workers: runtime.workers, tokens, clock, log, limits });
  await runtime.start();
  const http = createServer((request, response) => {
    if (!gateway.handleRequest(request, response)) response.writeHead(404).end();
  });
  http.on("upgrade", (request, socket, head) => {
    if (!gateway.handleUpgrade(request, socket, head)) socket.destroy();
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  const start = () => runtime.jobs.start({ blueprint: "echo_flow", input: { text: "x" } });
  return {
    port,
    /** Some work to steal, answer wrongly, and cancel. */
    startJobs: () => Promise.all(Array.from({ length: 20 }, start)),
    async finishesJobs(): Promise<boolean> {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/_worker/ws`, [workerSubprotocol], {
        headers: { "x-worker-token": token },
      });
      await once(socket, "open");
      socket.on("message", (data) => {
        const value = JSON.parse((data as Buffer).toString()) as Told | Told[];
        for (const { type, task_id, attempt } of [value].flat())
          if (type === "task")
            socket.send(JSON.stringify({ type: "result", outcome: "ok", task_id, attempt }));
      });
      socket.send(JSON.stringify({ ...hello, worker_id: "honest", instance_id: "1" }));
      const { jobId } = await start();
      const job = await runtime.jobs.wait(jobId, 10_000);
      socket.terminate();
      return job.currentState === "completed";
    },
    async close(): Promise<void> {
      await gateway.close(0);
      http.closeAllConnections();
      http.close();
      await runtime.stop();
    },
  };
}

interface Told {
  readonly type: string;
  readonly task_id?: string;
  readonly attempt?: number;
}

const hello = {
  type: "hello",
  protocols: [1],
  worker_id: "w",
  instance_id: "i",
  types: [{ type: "echo" }],
  credits: 4,
};
const ref = { task_id: "0_job:e.1.0", attempt: 1 };
const progress = {
  type: "progress_update",
  task_id: "0_job:e.1.0",
  job_id: "0_job",
  progress: 0.5,
};

/** One well-formed frame of each kind, to be spoilt. */
const frames: readonly object[] = [
  { ...hello, labels: { a: "b" }, resources: { cpu: 1 }, running: [ref], outbox: [ref] },
  { ...hello, types: [{ type: "echo", limit: 2, pool: "gpu" }], pools: { gpu: 1 }, more: true },
  { type: "accept", ...ref },
  { type: "reject", ...ref, reason: "busy", retry_after_ms: 5 },
  { type: "heartbeat", running: [ref], load: { cpu: 1 } },
  { type: "progress", ...ref, ratio: 0.5, message: "half", data: { n: 1 } },
  { type: "result", outcome: "ok", ...ref, output: { n: 1 }, status: "success" },
  { type: "result", outcome: "error", ...ref, error: { code: "TRANSIENT_ERROR", message: "m" } },
  { type: "result", outcome: "cancelled", ...ref },
  { type: "checkpoint", ...ref, number: 1, data: { page: 1 } },
  { type: "event", ...ref, number: 1, event: "PREVIEW", data: { page: 1 } },
  { type: "log", ...ref, level: "info", message: "m", fields: { a: 1 }, dropped: 2 },
  { type: "chunk", ...ref, stream: "s", offset: 0, data: "abc", encoding: "text", end: false },
  { type: "chunk", ...ref, stream: "b", offset: 3, data: "YWJj", encoding: "base64", end: true },
  { type: "release", ...ref, reason: "drain", checkpoint: [1] },
  { type: "credit", credits: 3, pools: { gpu: 1 }, types: { echo: 2 } },
  { type: "labels", set: { a: "b" }, unset: ["c"] },
  { type: "hot_cache", add: ["m"], remove: ["n"] },
  { type: "auth", token },
  { type: "hello_more", running: [ref], outbox: [ref], more: true },
  { type: "drain" },
  { type: "bye", reason: "r" },
];

/** Open a connection, say a few things, and see how it ends. */
async function converse(port: number, random: Random): Promise<{ count: number; code: number }> {
  const isOlder = random.chance(0.3);
  const path = isOlder && random.chance(0.5) ? "/_worker/ws/w" : "/_worker/ws";
  const socket = new WebSocket(
    `ws://127.0.0.1:${port}${path}`,
    isOlder ? [] : [workerSubprotocol],
    {
      headers: { "x-worker-token": token },
      perMessageDeflate: false,
    },
  );
  socket.on("error", () => undefined);
  const tasks: object[] = [];
  socket.on("message", (data) => {
    const value = JSON.parse((data as Buffer).toString()) as Told | Told[];
    for (const { type, task_id, attempt } of [value].flat())
      if (type === "task") tasks.push({ task_id, attempt });
  });
  const closed = once(socket, "close").then(([code]) => code as number);
  await once(socket, "open");
  let count = 0;
  if (!isOlder && random.chance(0.8)) {
    socket.send(JSON.stringify({ ...hello, instance_id: `i${random.below(3)}` }));
    count++;
    if (random.chance(0.9)) await Promise.race([once(socket, "message"), closed]);
  }
  const most = 1 + random.below(30);
  while (count < most && socket.readyState === socket.OPEN) {
    const held = tasks.length > 0 && random.chance(0.5) ? random.pick(tasks) : {};
    const frame = isOlder ? progress : { ...random.pick(frames), ...held };
    socket.send(spoilt(frame, random), { binary: random.chance(0.02) });
    count++;
    if (random.chance(0.2)) await new Promise(setImmediate);
  }
  if (random.chance(0.1)) breakOff(socket, random);
  else socket.close();
  return { count, code: await closed };
}

/** End a connection below the WebSocket protocol. */
function breakOff(socket: WebSocket, random: Random): void {
  const raw = (socket as unknown as { _socket?: { write(data: Buffer): void } })._socket;
  raw?.write(Buffer.from(Array.from({ length: 20 }, () => random.below(256))));
  socket.terminate();
}

const paths = [
  [
    "POST",
    "/_worker/workers/register",
    { worker_id: "w", supported_tasks: ["echo"], resources: {} },
  ],
  [
    "PATCH",
    "/_worker/workers/w",
    { load: 0, status: "idle", supported_tasks: ["echo"], hot_cache: [] },
  ],
  ["GET", "/_worker/workers/w/tasks/next", undefined],
  [
    "POST",
    "/_worker/tasks/result",
    {
      job_id: "0_j",
      task_id: "0_j:e.1.0",
      worker_id: "w",
      result: { status: "success", data: {} },
    },
  ],
  ["POST", "/workers/register", { worker_id: "w", task_types: ["echo"] }],
  ["GET", "/workers/w/tasks?limit=3", undefined],
  ["POST", "/workers/w/heartbeat", { load: 1 }],
  ["POST", "/tasks/result", { job_id: "0_j", task_id: "0_j:e.1.0", worker_id: "w", result: null }],
] as const;

/** Send one request. @returns its status; 0 for what is no request at all, on which the server may just hang up */
async function ask(port: number, random: Random): Promise<number> {
  if (random.chance(0.05)) return rawBytes(port, random);
  const [method, path, body] = random.pick(paths);
  const request = httpRequest({
    host: "127.0.0.1",
    port,
    method: random.chance(0.05) ? random.pick(["PUT", "DELETE", "GET", "PATCH"]) : method,
    path: random.chance(0.1)
      ? path.replace(
          "w",
          random.pick(["%00", "%zz", "..", "%2e%2e", "own", "é".repeat(3) && "%C3%A9"]),
        )
      : path,
    headers: {
      "x-worker-token": random.chance(0.1) ? random.pick(["wrong", "own-token", ""]) : token,
    },
  });
  const answered = once(request, "response");
  request.on("error", () => undefined);
  request.end(body === undefined ? undefined : spoilt(body, random));
  try {
    const [response] = await answered;
    response.resume();
    await once(response, "close");
    return response.statusCode as number;
  } catch {
    // A body that is refused unread breaks the connection of whoever still writes it.
    return 0;
  }
}

async function rawBytes(port: number, random: Random): Promise<number> {
  const socket = createConnection(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.resume();
  socket.end(Buffer.from(Array.from({ length: 1 + random.below(200) }, () => random.below(256))));
  await once(socket, "close");
  return 0;
}

const oddValues: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1.5,
  1e308,
  "",
  "x".repeat(600),
  "é\u0000",
  [],
  [[]],
  {},
  { a: {} },
  "__proto__",
  2 ** 53,
  "constructor",
];

/** A frame with something wrong about it, mostly; sometimes it is left as it is. */
function spoilt(frame: object, random: Random): string {
  const text = JSON.stringify(frame);
  switch (random.below(12)) {
    case 0:
      return text.slice(0, random.below(text.length));
    case 1:
      return text.replace(/.$/, String.fromCharCode(random.below(0xffff)));
    case 2: {
      const at = random.below(text.length);
      return text.slice(0, at) + String.fromCharCode(random.below(128)) + text.slice(at + 1);
    }
    case 3:
      return `[${Array.from({ length: random.below(300) }, () => text).join(",")}]`;
    case 4:
      return `${"[".repeat(random.below(200))}${text}`;
    case 5:
      return text.replace(
        "{",
        `{"${random.pick(["__proto__", "constructor", "prototype"])}":{"isAdmin":true},`,
      );
    case 6:
      return text.replace("{", `{"deep":${'{"a":'.repeat(80)}1${"}".repeat(80)},`);
    case 7:
      return random.chance(0.02)
        ? text.replace("{", `{"much":"${"x".repeat(1024 * 1024)}",`)
        : text.replace("{", `{"much":"${"x".repeat(10_000)}",`);
    case 8:
    case 9:
    case 10: {
      const entries = Object.entries(frame);
      const [key] = random.pick(entries);
      const value = random.pick(oddValues);
      return JSON.stringify(
        random.chance(0.3)
          ? Object.fromEntries(entries.filter(([one]) => one !== key))
          : { ...frame, [key]: value },
      );
    }
    default:
      return text;
  }
}

/** What is used once garbage is gone, in bytes. */
async function usedHeap(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // What ended just now may still have to hear of it.
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    collect();
  }
  return process.memoryUsage().heapUsed;
}
