// The orchestrator that a worker is tested against: the real gateway, and behind it a runtime that only hands out and notes.
import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { systemClock } from "../clock.ts";
import { createGateway, type Gateway } from "../gateway/gateway.ts";
import { WorkerTokens } from "../gateway/worker-tokens.ts";
import { serve, type HttpServer } from "../http/serve.ts";
import { createLogger } from "../logger.ts";
import type {
  AttemptOutcome,
  CheckpointStatus,
  LostAttempt,
  ResultStatus,
  TaskEventStatus,
  TaskProgress,
  Welcome,
  WorkerIntroduction,
  WorkerService,
} from "../runtime/runtime.ts";
import type { Attempt, StoredTask, WorkerSession } from "../runtime/worker-pool.ts";
import { bareTask } from "./bare-task.ts";
import { TextTail } from "./text-tail.ts";

/** A task that the worker was given, and what became of it. Times are monotonic milliseconds. */
export interface Dispatched {
  readonly task: StoredTask;
  readonly at: number;
  /** When the worker said that it has it. */
  acceptedAt?: number;
  /** Given back or refused, without a result. */
  releasedAt?: number;
  cancelledAt?: number;
  readonly results: { readonly at: number; readonly outcome: AttemptOutcome }[];
  readonly progress: TaskProgress[];
}

export interface Introduction extends WorkerIntroduction {
  readonly workerId: string;
  readonly types: readonly string[];
  /** Whether it speaks frames, or polls as Python workers do. */
  readonly dialect: "frames" | "older";
  readonly at: number;
}

/** A request that was answered. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly at: number;
}

export interface OrchestratorOptions {
  readonly port: number;
  readonly heartbeatMs: number;
  /** How long a poll is held. */
  readonly pollMs: number;
}

/** The most bytes and requests in a second that are not a flood. Tasks and results do not count. */
const bytesPerSecondMax = 256 * 1024;
const requestsPerSecondMax = 100;
const sampleMs = 250;
/** What the gateway answers to a worker that is at fault. */
const refusedStatuses: ReadonlySet<number> = new Set([400, 401, 403, 405, 413]);

export class TestOrchestrator implements WorkerService {
  readonly token = randomBytes(24).toString("base64url");
  readonly log = new TextTail(500);
  readonly introductions: Introduction[] = [];
  readonly heartbeats: number[] = [];
  readonly exchanges: Exchange[] = [];
  readonly dispatched: Dispatched[] = [];
  /** What made the worker a flood, once it was one. */
  flood: string | undefined;
  /** So many results are not taken, as by a server whose store fails. */
  resultsToFail = 0;
  readonly #options: OrchestratorOptions;
  readonly #watchers = new Set<() => void>();
  readonly #sockets = new Set<Socket>();
  /** Not given to anybody yet. */
  readonly #waiting: Dispatched[] = [];
  #session: WorkerSession | undefined;
  #gateway!: Gateway;
  #http!: HttpServer;
  #sampling: NodeJS.Timeout | undefined;
  #resultBytes = 0;

  private constructor(options: OrchestratorOptions) {
    this.#options = options;
  }

  /** @throws RuntimeError `server.port_in_use` */
  static async start(options: OrchestratorOptions): Promise<TestOrchestrator> {
    const orchestrator = new TestOrchestrator(options);
    await orchestrator.#listen(options.port);
    orchestrator.#sampling = setInterval(() => orchestrator.#sample(), sampleMs);
    return orchestrator;
  }

  get url(): string {
    return this.#http.url;
  }
  get connected(): boolean {
    return this.#session !== undefined;
  }

  /** What was refused, in words. */
  get refusals(): readonly string[] {
    const lines = this.log.lines().filter((line) => line.includes("worker refused"));
    const statuses = this.exchanges.filter(({ status }) => refusedStatuses.has(status));
    return [
      ...lines,
      ...statuses.map(
        ({ method, path, status }) => `${method} ${path} was answered with ${status}`,
      ),
    ];
  }

  /** Give the worker a task as soon as it takes one. */
  dispatch(type: string, params: unknown): Dispatched {
    const dispatched: Dispatched = {
      at: performance.now(),
      results: [],
      progress: [],
      task: bareTask(type, params),
    };
    this.dispatched.push(dispatched);
    this.#waiting.push(dispatched);
    this.#pump();
    return dispatched;
  }

  /** Give a task to the worker once more, as happens when an answer is lost on the way. */
  dispatchAgain(dispatched: Dispatched): void {
    this.#waiting.push(dispatched);
    this.#pump();
  }

  cancel(dispatched: Dispatched, graceMs: number): void {
    const { taskId, attempt } = dispatched.task;
    dispatched.cancelledAt = performance.now();
    this.#session?.cancel({ taskId, attempt }, "the test cancels it", graceMs);
  }

  /** Take the server away, and put it back at the same port. */
  async restart(): Promise<void> {
    const { port } = this.#http;
    await this.#stop();
    this.#session = undefined;
    await this.#listen(port);
  }

  async close(): Promise<void> {
    clearInterval(this.#sampling);
    await this.#stop();
  }

  /** Wait until a condition holds, at most so long. */
  until(condition: () => boolean, withinMs: number, signal: AbortSignal): Promise<boolean> {
    if (condition()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(check);
        signal.removeEventListener("abort", end);
        resolve(condition());
      };
      const check = (): void => {
        if (condition()) end();
      };
      const timer = setTimeout(end, withinMs);
      this.#watchers.add(check);
      signal.addEventListener("abort", end);
      if (signal.aborted) end();
    });
  }

  // What the gateway asks of a runtime.

  connect(session: WorkerSession, introduction: WorkerIntroduction): Promise<Welcome> {
    this.#session = session;
    const { workerId, types, asking } = session;
    const dialect = asking === undefined ? "frames" : "older";
    const at = performance.now();
    this.introductions.push({ ...introduction, workerId, types: [...types.keys()], dialect, at });
    this.#changed();
    const { running, outbox } = introduction;
    const keep = running.filter((attempt) => this.#of(attempt));
    const drop = running
      .filter((attempt) => !this.#of(attempt))
      .map((attempt): LostAttempt => ({ ...attempt, reason: "unknown" }));
    return Promise.resolve({ keep, drop, want: outbox });
  }

  disconnect(session: WorkerSession): void {
    if (this.#session === session) this.#session = undefined;
    this.#changed();
  }

  accept(_session: WorkerSession, attempt: Attempt): boolean {
    const dispatched = this.#of(attempt);
    if (dispatched) dispatched.acceptedAt ??= performance.now();
    this.#changed();
    return dispatched !== undefined;
  }

  release(_session: WorkerSession, attempt: Attempt): Promise<boolean> {
    const dispatched = this.#of(attempt);
    if (dispatched) dispatched.releasedAt ??= performance.now();
    this.#changed();
    return Promise.resolve(dispatched !== undefined);
  }

  heartbeat(): Promise<readonly LostAttempt[]> {
    this.heartbeats.push(performance.now());
    this.#changed();
    return Promise.resolve([]);
  }

  progress(_session: WorkerSession, attempt: Attempt, progress: TaskProgress): boolean {
    const dispatched = this.#of(attempt);
    dispatched?.progress.push(progress);
    this.#changed();
    return dispatched !== undefined;
  }

  checkpoint(): Promise<CheckpointStatus> {
    return Promise.resolve("kept");
  }
  event(): Promise<TaskEventStatus> {
    return Promise.resolve({ status: "ignored" });
  }
  logLine(_session: WorkerSession, attempt: Attempt): boolean {
    this.#changed();
    return this.#of(attempt) !== undefined;
  }
  chunk(_session: WorkerSession, attempt: Attempt): boolean {
    this.#changed();
    return this.#of(attempt) !== undefined;
  }

  result(
    _session: WorkerSession,
    attempt: Attempt,
    outcome: AttemptOutcome,
  ): Promise<ResultStatus> {
    this.#resultBytes += JSON.stringify(outcome).length;
    if (this.resultsToFail > 0) {
      this.resultsToFail--;
      return Promise.reject(new Error("The test refuses this result, as a failing store would."));
    }
    const dispatched = this.#of(attempt);
    dispatched?.results.push({ at: performance.now(), outcome });
    this.#changed();
    return Promise.resolve({ status: dispatched?.results.length === 1 ? "applied" : "unknown" });
  }

  setCredits(): void {
    this.#pump();
  }
  noteUsage(): void {
    this.#changed();
  }
  describe(): void {
    this.#changed();
  }
  forget(): void {
    // Only sessions of the older dialect ask for it.
  }
  async recheck(): Promise<readonly Attempt[]> {
    return [];
  }
  drain(): void {
    this.#changed();
  }
  list(): [] {
    return [];
  }

  #of({ taskId, attempt }: Attempt): Dispatched | undefined {
    return this.dispatched.find(({ task }) => task.taskId === taskId && task.attempt === attempt);
  }

  /** A worker that polls gets one task for each poll; one that speaks frames is told at once. */
  #pump(): void {
    const session = this.#session;
    while (session && this.#waiting.length > 0 && session.asking !== 0)
      session.push(this.#waiting.shift()!.task, 60_000);
    this.#changed();
  }

  #changed(): void {
    for (const check of this.#watchers) check();
  }

  async #listen(port: number): Promise<void> {
    const { heartbeatMs, pollMs } = this.#options;
    this.#gateway = createGateway({
      workers: this,
      tokens: new WorkerTokens(this.token),
      clock: systemClock,
      log: createLogger({ level: "debug", format: "text", destination: this.log }),
      limits: { heartbeatMs, heartbeatsMissedMax: 10, progressMs: 0, pollMs, reconnectMs: 0 },
    });
    const nothingElse = { fetch: () => new Response("There is nothing here.", { status: 404 }) };
    this.#http = await serve(nothingElse, {
      host: "127.0.0.1",
      port,
      onRequest: (request, response) => {
        response.once("close", () => this.#note(request, response.statusCode));
        return this.#gateway.handleRequest(request, response);
      },
      onUpgrade: (request, socket, head) => this.#gateway.handleUpgrade(request, socket, head),
    });
    this.#http.server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  async #stop(): Promise<void> {
    await Promise.all([this.#gateway.close(200), this.#http.close(200)]);
  }

  #note({ method = "", url = "" }: IncomingMessage, status: number): void {
    this.exchanges.push({ method, path: url, status, at: performance.now() });
    this.#changed();
  }

  readonly #bytesBefore = new WeakMap<Socket, number>();
  readonly #lastBytes: number[] = [];

  /** Look at what came in since the last look, and at the second before. */
  #sample(): void {
    let bytes = 0;
    for (const socket of this.#sockets) {
      bytes += socket.bytesRead - (this.#bytesBefore.get(socket) ?? 0);
      this.#bytesBefore.set(socket, socket.bytesRead);
    }
    this.#lastBytes.push(Math.max(0, bytes - this.#resultBytes));
    this.#resultBytes = 0;
    if (this.#lastBytes.length > 1000 / sampleMs) this.#lastBytes.shift();
    const total = this.#lastBytes.reduce((sum, one) => sum + one, 0);
    const since = performance.now() - 1000;
    const requests = this.exchanges.filter(
      ({ at, path, status }) => at > since && !(status === 200 && path.includes("/tasks/")),
    ).length;
    if (requests > requestsPerSecondMax) this.flood ??= `${requests} requests within a second`;
    if (total > bytesPerSecondMax)
      this.flood ??= `${Math.round(total / 1024)} KiB within a second, results aside`;
  }
}
