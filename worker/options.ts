// What a worker is made with: its options, filled in from the environment and the defaults.
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { systemClock, type Clock } from "../src/clock.ts";
import { RuntimeError } from "../src/errors.ts";
import { workerPath } from "../src/protocol/worker-frames.ts";
import type { CapacityChecker } from "./capacity.ts";
import { readWorkerConfig, type WorkerConfig } from "./config.ts";
import type { Isolation, IsolationDefaults } from "./isolation.ts";
import { createWorkerLogger } from "./logger.ts";
import { byPreference, type Orchestrator, type OrchestratorMode } from "./orchestrators.ts";

export interface WorkerOptions {
  /** The server's address, `http(s)://…`, or several with commas between them; `ORCHESTRATOR_URL` where absent. */
  readonly url?: string;
  /** Several servers, each with what it needs; `ORCHESTRATORS_CONFIG` where neither this nor `url` is given. */
  readonly orchestrators?: readonly Orchestrator[];
  /** How several servers share this worker; `MULTI_ORCHESTRATOR_MODE` or `failover` where absent. */
  readonly orchestratorMode?: OrchestratorMode;
  /** `WORKER_TOKEN` where absent. */
  readonly token?: string;
  /** Names this worker in lists and logs; `WORKER_ID` or a random one where absent. */
  readonly id?: string;
  /** What kind of worker this is, for people. */
  readonly workerType?: string;
  /** The most tasks at once; `MAX_CONCURRENT_TASKS` or 10 where absent. */
  readonly maxConcurrentTasks?: number;
  /** The most tasks at once by type. Wins over the `limit` of the tasks themselves. */
  readonly taskTypeLimits?: Readonly<Record<string, number>>;
  /** The most tasks at once of all types that name the same `pool`, by pool. */
  readonly pools?: Readonly<Record<string, number>>;
  /** Asked every second how much room there is. */
  readonly capacity?: CapacityChecker;
  /** Where task handlers run that do not say; `WORKER_ISOLATION` or `none` where absent. */
  readonly isolation?: Isolation;
  /** The most JavaScript heap of an isolated task handler, in MiB; `WORKER_MEMORY_LIMIT_MB` where absent. */
  readonly memoryLimitMb?: number;
  /** How long an attempt may run here, in milliseconds; `WORKER_TIME_LIMIT` where absent. */
  readonly timeLimitMs?: number;
  /**
   * A directory in which results are kept until the server has them, so that not even the death of the process loses
   * one. Workers of one machine may share it. `WORKER_OUTBOX_DIR` where absent; in memory alone without either.
   */
  readonly outboxDir?: string;
  /** Where `/health`, `/ready` and `/metrics` are served; `WORKER_PORT` where absent, and nowhere without either. 0 takes a free port. */
  readonly port?: number;
  /** The address for that; `WORKER_HOST` or 127.0.0.1 where absent. */
  readonly host?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly resources?: Readonly<Record<string, unknown>>;
  /** What a second of this worker costs; `WORKER_COST_PER_SECOND` where absent. */
  readonly costPerSecond?: number;
  /**
   * How long running tasks may take to finish once the worker is told to end, in milliseconds; what is left then is given
   * back to the server. `WORKER_SHUTDOWN_TIMEOUT` or 30,000 where absent. `stop({ graceMs })` wins.
   */
  readonly graceMs?: number;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** From 0 to below 1; spreads reconnections. */
  readonly random?: () => number;
}

export interface StopOptions {
  /** How long running tasks may take to finish, in milliseconds; the worker's own where absent. What is left then is given back. */
  readonly graceMs?: number;
}

/** The options with nothing left open. */
export interface WorkerSettings {
  /** The preferred first, by the WebSocket addresses of their worker paths. */
  readonly orchestrators: readonly {
    readonly url: string;
    readonly token: string;
    readonly weight: number;
  }[];
  readonly orchestratorMode: OrchestratorMode;
  readonly id: string;
  readonly workerType: string;
  readonly maxConcurrentTasks: number;
  readonly taskTypeLimits: Readonly<Record<string, number>>;
  readonly pools: Readonly<Record<string, number>>;
  readonly capacity: CapacityChecker | undefined;
  readonly isolation: IsolationDefaults;
  readonly outboxDir: string | undefined;
  readonly host: string;
  readonly port: number | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: Readonly<Record<string, unknown>>;
  readonly costPerSecond: number | undefined;
  readonly heartbeatMsMax: number | undefined;
  readonly graceMs: number;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: () => number;
}

/**
 * Fill the options in.
 *
 * @throws RuntimeError `config.invalid` where the environment or an option can't be understood, or there is no token.
 */
export function workerSettings(options: WorkerOptions): WorkerSettings {
  const config = readWorkerConfig();
  const id = options.id ?? config.id ?? `worker-${randomUUID()}`;
  const log = options.log ?? createWorkerLogger(config.logLevel);
  return {
    orchestrators: orchestratorsOf(options, config),
    orchestratorMode: options.orchestratorMode ?? config.orchestratorMode ?? "failover",
    id,
    workerType: options.workerType ?? config.workerType,
    maxConcurrentTasks: options.maxConcurrentTasks ?? config.maxConcurrentTasks,
    taskTypeLimits: options.taskTypeLimits ?? {},
    pools: options.pools ?? {},
    capacity: options.capacity,
    isolation: {
      isolation: options.isolation ?? config.isolation,
      memoryLimitMb: options.memoryLimitMb ?? config.memoryLimitMb,
      timeLimitMs: options.timeLimitMs ?? config.timeLimitMs,
    },
    outboxDir: options.outboxDir ?? config.outboxDir,
    host: options.host ?? config.host,
    port: options.port ?? config.port,
    labels: { ...config.labels, ...options.labels },
    resources: { ...config.resources, ...options.resources },
    costPerSecond: options.costPerSecond ?? config.costPerSecond,
    heartbeatMsMax: config.heartbeatMsMax,
    graceMs: checkedGraceMs(options.graceMs ?? config.graceMs),
    log: log.child({ part: "worker", workerId: id }),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  };
}

function checkedGraceMs(graceMs: number): number {
  if (graceMs >= 0) return graceMs;
  throw new RuntimeError("config.invalid", `graceMs is not a time from 0 up: ${graceMs}`);
}

function orchestratorsOf(
  options: WorkerOptions,
  config: WorkerConfig,
): WorkerSettings["orchestrators"] {
  const named = options.url?.split(",").map((url) => ({ url: url.trim() }));
  const all: readonly Orchestrator[] = options.orchestrators ?? named ?? config.orchestrators;
  if (all.length === 0)
    throw new RuntimeError("config.invalid", "A worker needs a server to work for.");
  const shared = options.token ?? config.token;
  return byPreference(all).map(({ url, token = shared, weight = 1 }) => {
    if (token === undefined)
      throw new RuntimeError(
        "config.invalid",
        "A worker needs a token: give `token`, or set WORKER_TOKEN.",
      );
    if (!(weight > 0))
      throw new RuntimeError("config.invalid", `The weight of ${url} is not above 0: ${weight}`);
    return { url: socketUrl(url), token, weight };
  });
}

/**
 * The WebSocket address of the worker path at a server's address.
 *
 * @throws RuntimeError `config.invalid` where it is no address.
 */
export function socketUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^(https?|wss?):$/.test(parsed.protocol))
    throw new RuntimeError("config.invalid", `The server's address is not an http(s) URL: ${url}`);
  parsed.protocol = parsed.protocol.replace(/^http/, "ws");
  parsed.pathname = parsed.pathname.replace(/\/$/, "") + workerPath;
  return parsed.href;
}
