// How many tasks a second go through one socket and back: the real gateway and the real worker, and no job behind the tasks.
import { randomBytes, randomUUID } from "node:crypto";
import { systemClock } from "../../src/clock.ts";
import { createGateway } from "../../src/gateway/gateway.ts";
import { WorkerTokens } from "../../src/gateway/worker-tokens.ts";
import { serve } from "../../src/http/serve.ts";
import { createLogger } from "../../src/logger.ts";
import type {
  AttemptOutcome,
  WorkerIntroduction,
  WorkerService,
} from "../../src/runtime/runtime.ts";
import type { Attempt, StoredTask, WorkerSession } from "../../src/runtime/worker-pool.ts";
import { startWorker, stop } from "./processes.ts";

const credits = 128;
const seconds = 5;

export async function benchPushRate(): Promise<void> {
  const token = randomBytes(24).toString("hex");
  const source = new TaskSource();
  const gateway = createGateway({
    workers: source,
    tokens: new WorkerTokens(token),
    clock: systemClock,
    log: createLogger({ level: "warn", format: "text" }),
  });
  const nothingElse = { fetch: () => new Response(null, { status: 404 }) };
  const http = await serve(nothingElse, {
    host: "127.0.0.1",
    port: 0,
    onUpgrade: (request, socket, head) => gateway.handleUpgrade(request, socket, head),
  });
  const worker = startWorker("scripts/bench/tasks", http.url, token, credits);
  try {
    await source.connected;
    await pause(2_000);
    const before = source.done;
    const begin = performance.now();
    await pause(seconds * 1_000);
    const perSecond = (source.done - before) / ((performance.now() - begin) / 1000);
    process.stdout.write(`one socket with ${credits} credits: ${Math.round(perSecond)} tasks/s\n`);
  } finally {
    source.close();
    await stop(worker);
    await gateway.close(0);
    await http.close();
  }
}

/** Always has a next task for the one worker. */
class TaskSource implements WorkerService {
  readonly connected: Promise<void>;
  done = 0;
  #session: WorkerSession | undefined;
  #closed = false;
  #begin!: () => void;

  constructor() {
    this.connected = new Promise((resolve) => (this.#begin = resolve));
  }

  close(): void {
    this.#closed = true;
  }

  connect(session: WorkerSession, introduction: WorkerIntroduction) {
    this.#session = session;
    // What is pushed before the welcome waits for it.
    for (let pushed = 0; pushed < introduction.credits; pushed++) this.#push();
    this.#begin();
    return Promise.resolve({ keep: [], drop: [], want: [] });
  }

  result(_session: WorkerSession, _attempt: Attempt, { outcome }: AttemptOutcome) {
    if (outcome !== "ok") throw new Error(`A task of the bench ended with ${outcome}.`);
    this.done++;
    this.#push();
    return Promise.resolve({ status: "applied" } as const);
  }

  #push(): void {
    if (!this.#closed) this.#session?.push(newTask(), 60_000);
  }

  disconnect(): void {}
  accept(): void {}
  forget(): void {}
  progress(): void {}
  logLine(): void {}
  chunk(): void {}
  checkpoint() {
    return Promise.resolve("kept" as const);
  }
  setCredits(): void {}
  describe(): void {}
  drain(): void {}
  release(): Promise<void> {
    return Promise.resolve();
  }
  heartbeat() {
    return Promise.resolve([]);
  }
  recheck() {
    return Promise.resolve([]);
  }
  list(): [] {
    return [];
  }
}

function newTask(): StoredTask {
  const jobId = `0_${randomUUID()}`;
  const now = Date.now();
  return {
    taskId: `${jobId}:hold.1.0`,
    jobId,
    child: "hold",
    type: "hold",
    queue: "hold",
    params: {},
    priority: 5,
    retry: { maxAttempts: 1, initialMs: 0, factor: 1, maxMs: 0 },
    state: "leased",
    attempt: 1,
    settled: 0,
    failures: 0,
    losses: 0,
    createdAt: now,
    since: now,
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
