// The environment and the flags of the command line, read and checked once; every variable is in the table below.
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { hostname } from "node:os";
import { parseEnv } from "node:util";
import { z } from "zod";
import { RuntimeError } from "./errors.ts";
import { logLevels } from "./logger.ts";
import { redisSettings, redisVariables, vainRedisVariables } from "./redis-config.ts";
import type { RedisSettings } from "./store/redis/open-redis-store.ts";
import { namedTokens, refuseUnsafeTokens } from "./token-config.ts";

/** The Python names of levels, which existing deployments have in their environment. */
const levelAliases: Readonly<Record<string, string>> = { warning: "warn", critical: "fatal" };

interface Variable {
  readonly schema: z.ZodType;
  /** Its name among the flags of the command line, where it has one. */
  readonly flag?: string;
  readonly about: string;
  /** Its value is never repeated in a message. */
  readonly secret?: true;
}

function wholeNumber(max: number, min = 0) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, { error })
    .transform(Number)
    .refine((number) => number >= min && number <= max, { error });
}

/** Every variable, once: `docs/operations.md` repeats this table. */
export const variables = {
  API_HOST: {
    flag: "host",
    about: "The address that the server listens at. Anything but loopback needs safe tokens.",
    schema: z.string().min(1).default("127.0.0.1"),
  },
  API_PORT: {
    flag: "port",
    about: "The port that the server listens at; 0 takes a free one.",
    schema: wholeNumber(65_535).default(8080),
  },
  CLIENT_TOKEN: {
    about: "What clients send as X-Avtomatika-Token. In development one is made up where absent.",
    schema: z.string().min(1).optional(),
    secret: true,
  },
  CLIENT_TOKENS: {
    about:
      "Tokens with names beside it: name:token,name:token. Histories say which of them asked for a change.",
    schema: z.string().transform(namedTokens).optional(),
    secret: true,
  },
  GLOBAL_WORKER_TOKEN: {
    about: "What workers send as X-Worker-Token. In development one is made up where absent.",
    schema: z.string().min(1).optional(),
    secret: true,
  },
  DATA_DIR: {
    flag: "data",
    about: "The directory of the embedded store; made where it is missing.",
    schema: z.string().min(1).default("./data"),
  },
  ...redisVariables,
  BLUEPRINTS_DIR: {
    flag: "blueprints",
    about: "The directory that blueprints are loaded from.",
    schema: z.string().min(1).optional(),
  },
  WORKERS_CONFIG_PATH: {
    about: "A TOML file with tokens for single workers: a section [worker_id] with a token.",
    schema: z.string().min(1).optional(),
  },
  JOB_MAX_RETRIES: {
    flag: "maxRetries",
    about: "How often a failed task or handler is tried again, where the blueprint does not say.",
    schema: wholeNumber(1000).default(3),
  },
  WORKER_TIMEOUT_SECONDS: {
    flag: "workerTimeout",
    about:
      "How long an attempt may run where the blueprint does not say, and a Python worker may be silent, in seconds.",
    schema: wholeNumber(2_000_000, 1).default(300),
  },
  TASK_LOSSES_MAX: {
    about: "How many workers a task may be lost with before it is given to no other.",
    schema: wholeNumber(1000, 1).default(3),
  },
  PRIORITY_AGEING_SECONDS: {
    about: "A waiting task counts as one priority higher for each so many seconds.",
    schema: wholeNumber(2_000_000, 1).default(60),
  },
  DISPATCHER_SOFT_LIMIT: {
    about:
      "How many slots of a worker are taken before the strategy overflow turns to a dearer one.",
    schema: wholeNumber(100_000, 1).default(3),
  },
  INSTANCE_ID: {
    flag: "instanceId",
    about:
      "Names this server in its log, in lists of workers and to others; the hostname if absent.",
    schema: z.string().min(1).max(128).optional(),
  },
  HISTORY_DATABASE_URI: {
    about:
      "Where ended jobs go when they have been kept for long enough: sqlite:path or postgresql://…; without it they are forgotten.",
    schema: z
      .string()
      .regex(/^(sqlite:.|postgres(ql)?:\/\/.)/, {
        error: "must be sqlite:<path> or postgresql://<user>:<password>@<host>:<port>/<name>",
      })
      .optional(),
    secret: true,
  },
  JOB_RETENTION_SECONDS: {
    about:
      "How long ended jobs are kept in the live store whose blueprint does not say; for ever where it is not set.",
    schema: z
      .string()
      .regex(/^[1-9]\d{0,9}$/, { error: "must be a whole number of at least 1" })
      .transform(Number)
      .optional(),
  },
  IDEMPOTENCY_KEY_SECONDS: {
    about:
      "How long idempotency keys are kept at least; longer for as long as their jobs are in the live store.",
    schema: wholeNumber(31_536_000, 1).default(86_400),
  },
  LOG_LEVEL: {
    flag: "logLevel",
    about: `The least level that is logged: ${logLevels.join(", ")}.`,
    schema: z
      .string()
      .transform((level) => levelAliases[level.toLowerCase()] ?? level.toLowerCase())
      .pipe(z.enum(logLevels, { error: `must be one of ${logLevels.join(", ")}` }))
      .default("info"),
  },
  LOG_FORMAT: {
    flag: "logFormat",
    about: "How it is logged: json for machines, text for people.",
    schema: z.enum(["json", "text"], { error: "must be json or text" }).default("json"),
  },
  NODE_ENV: {
    about: "production refuses to start without safe tokens, wherever the server listens.",
    schema: z.string().default("development"),
  },
} as const satisfies Readonly<Record<string, Variable>>;

type VariableName = keyof typeof variables;
const names = Object.keys(variables) as VariableName[];

export interface Config {
  readonly host: string;
  readonly port: number;
  /** Absent where clients have only tokens with names. */
  readonly clientToken?: string;
  /** Tokens of clients by their names. */
  readonly clientTokens?: ReadonlyMap<string, string>;
  readonly workerToken: string;
  readonly dataDirectory: string;
  readonly archiveUri?: string;
  /** For ever where absent. */
  readonly retentionMs?: number;
  /** How long idempotency keys are kept at least. */
  readonly keyMs: number;
  /** Jobs are kept there; in the data directory where absent. */
  readonly redis?: RedisSettings;
  /** Variables of Redis that are set though nothing says where it is. */
  readonly vainVariables: readonly string[];
  /** The caller's own where absent. */
  readonly blueprintsDirectory?: string;
  readonly workersFile?: string;
  /** How often a failed task or handler is tried again, where the blueprint does not say. */
  readonly retriesMax: number;
  /** How many workers a task may be lost with before it is given to no other. */
  readonly lossesMax: number;
  /** A waiting task counts as one priority higher for each so many milliseconds. */
  readonly ageMs: number;
  /** So many slots of a worker are taken before the strategy `overflow` turns to a dearer one. */
  readonly softLimit: number;
  /** How long an attempt may run, in milliseconds, where the blueprint does not say, and a Python worker may be silent. */
  readonly workerTimeoutMs: number;
  /** Names this server among others. */
  readonly instanceId: string;
  readonly logLevel: (typeof logLevels)[number];
  readonly logFormat: "json" | "text";
  /** Which tokens were made up, so that whoever started the server has to be shown them. */
  readonly generated: { readonly clientToken: boolean; readonly workerToken: boolean };
}

/** Flags by their names in the table above. An absent one leaves the word to the environment. */
export type Flags = Readonly<Record<string, string | number | undefined>>;

export interface ConfigSources {
  /** `process.env` where absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly flags?: Flags;
  /** A file of `NAME=value` lines, used where it exists; `.env` where absent. */
  readonly envFile?: string;
  /** What holds where none of the above says anything; named like flags. */
  readonly defaults?: Flags;
}

/**
 * Read the configuration: flags win over the environment, the environment over the file.
 *
 * @throws RuntimeError `config.invalid`, naming every variable that is wrong; `config.insecure` where tokens are not fit for
 *   production or for an address that others can reach
 */
export function readConfig({
  env = process.env,
  flags = {},
  envFile = ".env",
  defaults = {},
}: ConfigSources = {}): Config {
  const given = {
    ...flagValues(defaults),
    ...present(fileValues(envFile)),
    ...present(env),
    ...flagValues(flags),
  };
  const values = parsed(given);
  const production = values.NODE_ENV === "production";
  if (production) refuseUnsafeTokens(values, "NODE_ENV is production");
  else if (!isLoopback(values.API_HOST))
    refuseUnsafeTokens(values, `others can reach ${values.API_HOST}`);
  const redis = redisSettings(values);
  const isClientGenerated = values.CLIENT_TOKEN === undefined && values.CLIENT_TOKENS === undefined;
  const clientToken = isClientGenerated ? freshToken() : values.CLIENT_TOKEN;
  return {
    host: values.API_HOST,
    port: values.API_PORT,
    ...(clientToken !== undefined && { clientToken }),
    ...(values.CLIENT_TOKENS && { clientTokens: values.CLIENT_TOKENS }),
    workerToken: values.GLOBAL_WORKER_TOKEN ?? freshToken(),
    dataDirectory: values.DATA_DIR,
    ...(redis && { redis }),
    vainVariables: vainRedisVariables(given, redis),
    ...(values.BLUEPRINTS_DIR !== undefined && { blueprintsDirectory: values.BLUEPRINTS_DIR }),
    ...(values.WORKERS_CONFIG_PATH !== undefined && { workersFile: values.WORKERS_CONFIG_PATH }),
    retriesMax: values.JOB_MAX_RETRIES,
    lossesMax: values.TASK_LOSSES_MAX,
    ageMs: values.PRIORITY_AGEING_SECONDS * 1000,
    softLimit: values.DISPATCHER_SOFT_LIMIT,
    workerTimeoutMs: values.WORKER_TIMEOUT_SECONDS * 1000,
    instanceId: values.INSTANCE_ID ?? hostname(),
    ...(values.HISTORY_DATABASE_URI !== undefined && { archiveUri: values.HISTORY_DATABASE_URI }),
    ...(values.JOB_RETENTION_SECONDS !== undefined && {
      retentionMs: values.JOB_RETENTION_SECONDS * 1000,
    }),
    keyMs: values.IDEMPOTENCY_KEY_SECONDS * 1000,
    logLevel: values.LOG_LEVEL,
    logFormat: values.LOG_FORMAT,
    generated: {
      clientToken: isClientGenerated,
      workerToken: values.GLOBAL_WORKER_TOKEN === undefined,
    },
  };
}

/** Whom a program of ours wants to talk to, as far as it has been told. */
export interface Connection {
  readonly url?: string;
  readonly token?: string;
  /** Where a development server on this machine leaves its address and tokens. */
  readonly dataDirectory: string;
}

const connectionVariables = {
  client: { urls: ["AVTOMATIKA_URL"], tokens: ["CLIENT_TOKEN"] },
  worker: { urls: ["ORCHESTRATOR_URL"], tokens: ["WORKER_INDIVIDUAL_TOKEN", "WORKER_TOKEN"] },
} as const;

/** Read what a client or a worker is to connect to, from the same sources as the configuration of a server. */
export function readConnection(role: "client" | "worker", sources: ConfigSources = {}): Connection {
  const { urls, tokens } = connectionVariables[role];
  const url = readSetting("url", urls, sources);
  const token = readSetting("token", tokens, sources);
  return {
    ...(url !== undefined && { url }),
    ...(token !== undefined && { token }),
    dataDirectory: readSetting("data", ["DATA_DIR"], sources) ?? "./data",
  };
}

/**
 * Read one setting by itself, for commands that need no server's configuration.
 *
 * @param flag Its name among the flags.
 * @param variableNames Its names in the environment; the first that is there counts.
 */
export function readSetting(
  flag: string,
  variableNames: readonly string[],
  { env = process.env, flags = {}, envFile = ".env" }: ConfigSources = {},
): string | undefined {
  const file = fileValues(envFile);
  const given = variableNames.map((name) => env[name] || file[name]).find(Boolean);
  const value = flags[flag] ?? given;
  return value === undefined ? undefined : String(value);
}

/** The environment of a process that this one starts: its own, and what is given. */
export function environmentWith(
  values: Readonly<Record<string, string>>,
): Record<string, string | undefined> {
  return { ...process.env, ...values };
}

const Variables = z.object(
  Object.fromEntries(names.map((name) => [name, variables[name].schema])) as {
    readonly [Name in VariableName]: (typeof variables)[Name]["schema"];
  },
);
type Values = z.output<typeof Variables>;

function parsed(given: Readonly<Record<string, string>>): Values {
  const result = Variables.safeParse(given);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => {
    const name = path[0] as VariableName;
    const variable: Variable = variables[name];
    const value = variable.secret ? "" : ` (it is "${given[name]}")`;
    const flag = variable.flag === undefined ? "" : ` or --${kebab(variable.flag)}`;
    return { variable: name, problem: `${name}${flag}: ${message}${value}` };
  });
  throw new RuntimeError(
    "config.invalid",
    `The configuration is not valid:\n${problems.map(({ problem }) => `  ${problem}`).join("\n")}`,
    { problems },
  );
}

function freshToken(): string {
  return randomBytes(32).toString("base64url");
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}

function fileValues(path: string): Record<string, string | undefined> {
  return existsSync(path) ? parseEnv(readFileSync(path, "utf8")) : {};
}

/** An empty value counts as absent: that is how one unsets a variable in a compose file. */
function present(source: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (source[name] ? [[name, source[name]] as const] : [])),
  );
}

function flagValues(flags: Flags): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const { flag }: Variable = variables[name];
      const value = flag === undefined ? undefined : flags[flag];
      return value === undefined ? [] : [[name, String(value)] as const];
    }),
  );
}

function kebab(flag: string): string {
  return flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
