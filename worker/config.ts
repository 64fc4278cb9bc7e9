// The worker's environment, under the names that workers of the Python original use, parsed once.
import { availableParallelism } from "node:os";
import { z } from "zod";
import { RuntimeError } from "../src/errors.ts";

const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue("must be JSON");
    return z.NEVER;
  }
});

const Environment = z.object({
  ORCHESTRATOR_URL: z.url().default("http://127.0.0.1:8080"),
  WORKER_ID: z
    .string()
    .regex(/^[\w.:@-]{1,128}$/)
    .optional(),
  WORKER_TYPE: z.string().min(1).max(128).default("worker"),
  WORKER_TOKEN: z.string().min(1).optional(),
  WORKER_INDIVIDUAL_TOKEN: z.string().min(1).optional(),
  MAX_CONCURRENT_TASKS: z.coerce.number().int().min(1).max(100_000).default(10),
  HEARTBEAT_INTERVAL: z.coerce.number().positive().optional(),
  WORKER_SHUTDOWN_TIMEOUT: z.coerce.number().nonnegative().default(30),
  WORKER_COST_PER_SECOND: z.coerce.number().nonnegative().optional(),
  CPU_CORES: z.coerce.number().positive().optional(),
  GPU_MODEL: z.string().optional(),
  GPU_VRAM_GB: z.coerce.number().nonnegative().optional(),
  INSTALLED_MODELS: json.pipe(z.array(z.unknown())).optional(),
  LOG_LEVEL: z
    .string()
    .toLowerCase()
    .pipe(z.enum(["trace", "debug", "info", "warn", "warning", "error", "fatal", "critical"]))
    .default("info"),
});

export interface WorkerConfig {
  readonly url: string;
  readonly token: string | undefined;
  readonly id: string | undefined;
  readonly workerType: string;
  readonly concurrency: number;
  readonly heartbeatMsMax: number | undefined;
  readonly graceMs: number;
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
    url: data.ORCHESTRATOR_URL,
    token: data.WORKER_INDIVIDUAL_TOKEN ?? data.WORKER_TOKEN,
    id: data.WORKER_ID,
    workerType: data.WORKER_TYPE,
    concurrency: data.MAX_CONCURRENT_TASKS,
    heartbeatMsMax:
      data.HEARTBEAT_INTERVAL === undefined ? undefined : data.HEARTBEAT_INTERVAL * 1000,
    graceMs: data.WORKER_SHUTDOWN_TIMEOUT * 1000,
    costPerSecond: data.WORKER_COST_PER_SECOND,
    resources: {
      cpu_cores: data.CPU_CORES ?? availableParallelism(),
      gpu_info: data.GPU_MODEL ? { model: data.GPU_MODEL, vram_gb: data.GPU_VRAM_GB ?? 0 } : null,
      installed_models: data.INSTALLED_MODELS ?? [],
    },
    logLevel: { warning: "warn", critical: "fatal" }[data.LOG_LEVEL as string] ?? data.LOG_LEVEL,
  };
}
