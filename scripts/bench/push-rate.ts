// How many tasks a second go through sockets and back: the real gateway and the real worker, and no job behind the tasks.
import { randomBytes } from "node:crypto";
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
import type { Attempt, WorkerSession } from "../../src/runtime/worker-pool.ts";
import { bareTask } from "../../src/worker-test/bare-task.ts";
import { startWorker, stop } from "./processes.ts";

const credits = 128;
const seconds = 5;

/** @param count how many workers there are, each a process with a socket of its own */
export async function benchPushRate(count: number): Promise<void> {
  const token = randomBytes(24).toString("hex");
  const source = new TaskSource(count);
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
  const workers = Array.from({ length: count }, () =>
    startWorker("scripts/bench/tasks", http.url, token, credits),
  );
  try {
    await source.connected;
    await pause(2_000);
    const before = source.done;
    const begin = performance.now();
    await pause(seconds * 1_000);
    const perSecond = (source.done - before) / ((performance.now() - begin) / 1000);
    const who = count === 1 ? "one socket" : `${count} sockets`;
    process.stdout.write(`${who} with ${credits} credits: ${Math.round(perSecond)} tasks/s\n`);
  } finally {
    source.close();
    await Promise.all(workers.map(stop));
    await gateway.close(0);
    await http.close();
  }
}

/** Always has a next task for each of its workers. */
class TaskSource implements WorkerService {
  /** All workers are. */
  readonly connected: Promise<void>;
  done = 0;
  #missing: number;
  #closed = false;
  #begin!: () => void;

  constructor(workers: number) {
    this.#missing = workers;
    this.connected = new Promise((resolve) => (this.#begin = resolve));
  }

  close(): void {
    this.#closed = true;
  }

  connect(session: WorkerSession, introduction: WorkerIntroduction) {
    // What is pushed before the welcome waits for it.
    for (let pushed = 0; pushed < introduction.credits; pushed++) this.#push(session);
    if (--this.#missing === 0) this.#begin();
    return Promise.resolve({ keep: [], drop: [], want: [] });
  }

  result(session: WorkerSession, _attempt: Attempt, { outcome }: AttemptOutcome) {
    if (outcome !== "ok") throw new Error(`A task of the bench ended with ${outcome}.`);
    this.done++;
    this.#push(session);
    return Promise.resolve({ status: "applied" } as const);
  }

  #push(session: WorkerSession): void {
    if (!this.#closed) session.push(bareTask("hold", {}), 60_000);
  }

  disconnect(): void {}
  accept(): true {
    return true;
  }
  forget(): void {}
  noteUsage(): void {}
  progress(): true {
    return true;
  }
  logLine(): true {
    return true;
  }
  chunk(): true {
    return true;
  }
  checkpoint() {
    return Promise.resolve("kept" as const);
  }
  event() {
    return Promise.resolve({ status: "accepted" } as const);
  }
  setCredits(): void {}
  describe(): void {}
  drain(): void {}
  release() {
    return Promise.resolve(true);
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

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
