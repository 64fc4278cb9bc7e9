// The worker's environment, under the names that workers of the Python original use, parsed once.
import { availableParallelism, totalmem } from "node:os";
import { z } from "zod";
import { RuntimeError } from "../src/errors.ts";
import type { Isolation } from "./isolation.ts";
import { orchestratorModes, type Orchestrator, type OrchestratorMode } from "./orchestrators.ts";

const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue("must be JSON");
    return z.NEVER;
  }
});

const OrchestratorConfig = z.object({
  url: z.url(),
  token: z.string().min(1).optional(),
  priority: z.number().optional(),
  weight: z.number().positive().optional(),
});

const Environment = z.object({
  ORCHESTRATOR_URL: z
    .string()
    .transform((text) => text.split(",").map((url) => url.trim()))
    .pipe(z.array(z.url()))
    .default(["http://127.0.0.1:8080"]),
  ORCHESTRATORS_CONFIG: json.pipe(z.array(OrchestratorConfig).min(1)).optional(),
  MULTI_ORCHESTRATOR_MODE: z.string().toLowerCase().pipe(z.enum(orchestratorModes)).optional(),
  WORKER_ID: z
    .string()
    .regex(/^[\w.:@-]{1,128}$/)
    .optional(),
  WORKER_TYPE: z.string().min(1).max(128).default("worker"),
  WORKER_TOKEN: z.string().min(1).optional(),
  WORKER_INDIVIDUAL_TOKEN: z.string().min(1).optional(),
  MAX_CONCURRENT_TASKS: z.coerce.number().int().min(1).max(100_000).default(10),
  WORKER_ISOLATION: z.enum(["none", "thread", "process"]).optional(),
  WORKER_MEMORY_LIMIT_MB: z.coerce.number().int().min(16).optional(),
  WORKER_TIME_LIMIT: z.coerce.number().positive().optional(),
  WORKER_OUTBOX_DIR: z.string().optional(),
  WORKER_HOST: z.string().default("127.0.0.1"),
  WORKER_PORT: z.coerce.number().int().min(0).max(65_535).optional(),
  HEARTBEAT_INTERVAL: z.coerce.number().positive().optional(),
  WORKER_SHUTDOWN_TIMEOUT: z.coerce.number().nonnegative().default(30),
  WORKER_LABELS: json.pipe(z.record(z.string().max(128), z.string().max(512))).optional(),
  WORKER_COST_PER_SECOND: z.coerce.number().nonnegative().optional(),
  CPU_CORES: z.coerce.number().positive().optional(),
  GPU_MODEL: z.string().optional(),
  GPU_VRAM_GB: z.coerce.number().nonnegative().optional(),
  INSTALLED_MODELS: json.pipe(z.array(z.unknown())).optional(),
  INSTALLED_SOFTWARE: json.pipe(z.record(z.string(), z.unknown())).optional(),
  LOG_LEVEL: z
    .string()
    .toLowerCase()
    .pipe(z.enum(["trace", "debug", "info", "warn", "warning", "error", "fatal", "critical"]))
    .default("info"),
});

/** The names of all that is read of the environment. */
export const workerVariables: readonly string[] = Object.keys(Environment.shape);

export interface WorkerConfig {
  readonly orchestrators: readonly Orchestrator[];
  readonly orchestratorMode: OrchestratorMode | undefined;
  readonly token: string | undefined;
  readonly id: string | undefined;
  readonly workerType: string;
  readonly maxConcurrentTasks: number;
  readonly isolation: Isolation | undefined;
  readonly memoryLimitMb: number | undefined;
  readonly timeLimitMs: number | undefined;
  readonly outboxDir: string | undefined;
  /** Where health and metrics are served; nowhere without a port. */
  readonly host: string;
  readonly port: number | undefined;
  readonly heartbeatMsMax: number | undefined;
  readonly graceMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly costPerSecond: number | undefined;
  readonly resources: Readonly<Record<string, unknown>>;
  readonly logLevel: string;
}

/**
 * Read the environment.
 *
 * @throws RuntimeError `config.invalid`, naming each variable that can't be understood.
 */
export function readWorkerConfig(env: NodeJS.ProcessEnv = process.env): WorkerConfig {
  // An empty variable is one that was not given, as in compose files with a blank.
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = Environment.safeParse(given);
  if (!parsed.success)
    throw new RuntimeError(
      "config.invalid",
      `The worker's environment can't be used:\n${z.prettifyError(parsed.error)}`,
    );
  const { data } = parsed;
  return {
    orchestrators: data.ORCHESTRATORS_CONFIG ?? data.ORCHESTRATOR_URL.map((url) => ({ url })),
    orchestratorMode: data.MULTI_ORCHESTRATOR_MODE,
    token: data.WORKER_INDIVIDUAL_TOKEN ?? data.WORKER_TOKEN,
    id: data.WORKER_ID,
    workerType: data.WORKER_TYPE,
    maxConcurrentTasks: data.MAX_CONCURRENT_TASKS,
    isolation: data.WORKER_ISOLATION,
    memoryLimitMb: data.WORKER_MEMORY_LIMIT_MB,
    timeLimitMs: inMs(data.WORKER_TIME_LIMIT),
    outboxDir: data.WORKER_OUTBOX_DIR,
    host: data.WORKER_HOST,
    port: data.WORKER_PORT,
    heartbeatMsMax: inMs(data.HEARTBEAT_INTERVAL),
    graceMs: data.WORKER_SHUTDOWN_TIMEOUT * 1000,
    labels: data.WORKER_LABELS ?? {},
    costPerSecond: data.WORKER_COST_PER_SECOND,
    resources: {
      cpu_cores: data.CPU_CORES ?? availableParallelism(),
      memory_gb: memoryGb(),
      gpu_info: data.GPU_MODEL ? { model: data.GPU_MODEL, vram_gb: data.GPU_VRAM_GB ?? 0 } : null,
      installed_models: data.INSTALLED_MODELS ?? [],
      ...(data.INSTALLED_SOFTWARE && { installed_software: data.INSTALLED_SOFTWARE }),
    },
    logLevel: { warning: "warn", critical: "fatal" }[data.LOG_LEVEL as string] ?? data.LOG_LEVEL,
  };
}

/** What the machine has, or the container where it is given less: in GiB, to a tenth. */
function memoryGb(): number {
  const limit = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  return Math.round((Math.min(limit, totalmem()) / 2 ** 30) * 10) / 10;
}

function inMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}
