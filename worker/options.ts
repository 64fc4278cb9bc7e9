// What a worker is made with: its options, filled in from the environment and the defaults.
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { systemClock, type Clock } from "../src/clock.ts";
import { RuntimeError } from "../src/errors.ts";
import { workerPath } from "../src/protocol/worker-frames.ts";
import { readWorkerConfig } from "./config.ts";
import { createWorkerLogger } from "./logger.ts";

export interface WorkerOptions {
  /** The server's address, `http(s)://…`; `ORCHESTRATOR_URL` where absent. */
  readonly url?: string;
  /** `WORKER_TOKEN` where absent. */
  readonly token?: string;
  /** Names this worker in lists and logs; `WORKER_ID` or a random one where absent. */
  readonly id?: string;
  /** What kind of worker this is, for people. */
  readonly workerType?: string;
  /** The most tasks at once; `MAX_CONCURRENT_TASKS` or 10 where absent. */
  readonly concurrency?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly resources?: Readonly<Record<string, unknown>>;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** From 0 to below 1; spreads reconnections. */
  readonly random?: () => number;
}

/** The options with nothing left open. */
export interface WorkerSettings {
  /** The WebSocket address of the server's worker path. */
  readonly url: string;
  readonly token: string;
  readonly id: string;
  readonly workerType: string;
  readonly concurrency: number;
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
 * @throws RuntimeError `config.invalid` where the environment can't be understood, or there is no token.
 */
export function workerSettings(options: WorkerOptions): WorkerSettings {
  const config = readWorkerConfig();
  const token = options.token ?? config.token;
  if (token === undefined)
    throw new RuntimeError(
      "config.invalid",
      "A worker needs a token: give `token`, or set WORKER_TOKEN.",
    );
  const id = options.id ?? config.id ?? `worker-${randomUUID()}`;
  const log = options.log ?? createWorkerLogger(config.logLevel);
  return {
    url: socketUrl(options.url ?? config.url),
    token,
    id,
    workerType: options.workerType ?? config.workerType,
    concurrency: options.concurrency ?? config.concurrency,
    labels: { ...options.labels },
    resources: { ...config.resources, ...options.resources },
    costPerSecond: config.costPerSecond,
    heartbeatMsMax: config.heartbeatMsMax,
    graceMs: config.graceMs,
    log: log.child({ part: "worker", workerId: id }),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  };
}

/** The WebSocket address of the worker path at a server's address. */
function socketUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^(https?|wss?):$/.test(parsed.protocol))
    throw new RuntimeError("config.invalid", `The server's address is not an http(s) URL: ${url}`);
  parsed.protocol = parsed.protocol.replace(/^http/, "ws");
  parsed.pathname = parsed.pathname.replace(/\/$/, "") + workerPath;
  return parsed.href;
}
