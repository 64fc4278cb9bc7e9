// The part of the environment that says where Redis is, and what is expected of it.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { RuntimeError } from "./errors.ts";
import type { Access, ServerAddress } from "./store/redis/connection.ts";
import { durabilities } from "./store/redis/durability.ts";
import type { RedisSettings } from "./store/redis/open-redis-store.ts";
import type { Deployment } from "./store/redis/servers.ts";
import { shardsMax } from "./store/shard.ts";

const ports = { redis: 6379, sentinel: 26_379 } as const;

const wholeNumber = (least: number, most: number) => {
  const error = `must be a whole number from ${least} to ${most}`;
  return z
    .string()
    .regex(/^\d{1,6}$/, { error })
    .transform(Number)
    .refine((number) => number >= least && number <= most, { error });
};
const addresses = (defaultPort: number) =>
  z
    .string()
    .refine((text) => text.split(",").every((one) => addressPattern.test(one.trim())), {
      error: "must be host:port, or several of them divided by commas",
    })
    .transform((text) => text.split(",").map((one) => parseAddress(one.trim(), defaultPort)));
/** Addresses of IPv6 stand in brackets. */
const addressPattern = /^(\[[0-9a-f:.]+\]|[^\s:[\]/]+)(?::(\d{1,5}))?$/i;

function parseAddress(text: string, defaultPort: number): ServerAddress {
  const [, host = "", port] = addressPattern.exec(text) ?? [];
  return { host: host.replace(/^\[|\]$/g, ""), port: port ? Number(port) : defaultPort };
}

/** Kubernetes sets REDIS_PORT by itself where a service is called redis, to its whole address: that is not meant for anybody. */
function unlessOfKubernetes(port: unknown): unknown {
  return typeof port === "string" && port.startsWith("tcp://") ? undefined : port;
}

/** Rows of the table in `src/config.ts`. */
export const redisVariables = {
  REDIS_URL: {
    flag: "redisUrl",
    about:
      "Keep jobs in this Redis instead of DATA_DIR: redis://user:password@host:port/db, or rediss:// for TLS.",
    schema: z
      .string()
      .refine((url) => /^rediss?:$/.test(URL.canParse(url) ? new URL(url).protocol : ""), {
        error: "must be a URL that begins with redis:// or rediss://",
      })
      .optional(),
    secret: true,
  },
  REDIS_HOST: {
    about: "The host of Redis, where there is no REDIS_URL.",
    schema: z.string().min(1).optional(),
  },
  REDIS_PORT: {
    about: "Its port.",
    schema: z.preprocess(unlessOfKubernetes, wholeNumber(1, 65_535).default(ports.redis)),
  },
  REDIS_DB: {
    about: "The number of its database.",
    schema: wholeNumber(0, 999_999).optional(),
  },
  REDIS_USERNAME: {
    about: "The user to log in as, wherever Redis is.",
    schema: z.string().min(1).optional(),
  },
  REDIS_PASSWORD: {
    about: "The password of Redis.",
    schema: z.string().min(1).optional(),
    secret: true,
  },
  REDIS_SENTINELS: {
    about: "Ask these Sentinels for the primary: host:port, divided by commas.",
    schema: addresses(ports.sentinel).optional(),
  },
  REDIS_SENTINEL_NAME: {
    about: "What the Sentinels call the primary.",
    schema: z.string().min(1).default("mymaster"),
  },
  REDIS_SENTINEL_USERNAME: {
    about: "The user to log in as at the Sentinels.",
    schema: z.string().min(1).optional(),
  },
  REDIS_SENTINEL_PASSWORD: {
    about: "The password of the Sentinels.",
    schema: z.string().min(1).optional(),
    secret: true,
  },
  REDIS_CLUSTER: {
    about: "Nodes of a Redis Cluster to begin with: host:port, divided by commas.",
    schema: addresses(ports.redis).optional(),
  },
  REDIS_TLS: {
    about: "true: speak TLS with Redis, as with rediss://.",
    schema: z
      .enum(["true", "false"], { error: "must be true or false" })
      .default("false")
      .transform((value) => value === "true"),
  },
  REDIS_TLS_CA: {
    about:
      "A file with the authority that has signed the certificate of Redis, where Node does not know it.",
    schema: z.string().min(1).optional(),
  },
  REDIS_TLS_CERT: {
    about: "A file with the certificate of this server, where Redis asks for one.",
    schema: z.string().min(1).optional(),
  },
  REDIS_TLS_KEY: {
    about: "A file with the key of that certificate.",
    schema: z.string().min(1).optional(),
  },
  REDIS_KEY_PREFIX: {
    about: "What all names in Redis begin with. Another prefix is another store.",
    schema: z
      .string()
      .regex(/^[\w.:-]{1,64}$/, { error: "must be up to 64 letters, digits and . : _ -" })
      .default("avtomatika"),
  },
  REDIS_REPLICAS: {
    about: "How many replicas must have a write before it is acknowledged, with replicated.",
    schema: wholeNumber(1, 100).default(1),
  },
  SHARDS: {
    flag: "shards",
    about:
      "Over how many shards new jobs are spread in Redis. It can be raised, never lowered. As many as before where absent; at first 1, and 64 in a cluster.",
    schema: wholeNumber(1, shardsMax).optional(),
  },
  DURABILITY: {
    flag: "durability",
    about:
      "What Redis must keep of what was acknowledged: relaxed, durable, replicated. Where absent, it must be durable.",
    schema: z.enum(durabilities, { error: `must be one of ${durabilities.join(", ")}` }).optional(),
  },
} as const;

type RedisValues = z.output<
  z.ZodObject<{
    [Name in keyof typeof redisVariables]: (typeof redisVariables)[Name]["schema"];
  }>
>;

/**
 * What the server is to know of Redis; undefined where jobs are kept in the data directory.
 *
 * @throws RuntimeError `config.invalid` for settings that do not go together
 */
export function redisSettings(values: RedisValues): RedisSettings | undefined {
  const deployment = deploymentOf(values);
  if (!deployment) {
    if (values.DURABILITY === "replicated" || (values.SHARDS ?? 1) > 1)
      throw invalid(
        "SHARDS and replicated durability need a Redis; the data directory has neither",
      );
    return undefined;
  }
  const { REDIS_KEY_PREFIX, REDIS_REPLICAS, SHARDS, DURABILITY } = values;
  return {
    deployment,
    access: accessOf(values),
    prefix: REDIS_KEY_PREFIX,
    replicas: REDIS_REPLICAS,
    ...(SHARDS !== undefined && { shards: SHARDS }),
    ...(DURABILITY !== undefined && { durability: DURABILITY }),
  };
}

/** What is said of Redis in vain, because nothing says where it is. */
export function vainRedisVariables(
  given: Readonly<Record<string, unknown>>,
  settings: RedisSettings | undefined,
): readonly string[] {
  if (settings) return [];
  const names = Object.keys(redisVariables).filter((name) => name.startsWith("REDIS_"));
  return names.filter((name) => unlessOfKubernetes(given[name]) !== undefined);
}

function deploymentOf(values: RedisValues): Deployment | undefined {
  const { REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_SENTINELS, REDIS_CLUSTER } = values;
  const ways = {
    REDIS_SENTINELS,
    REDIS_CLUSTER,
    [REDIS_URL ? "REDIS_URL" : "REDIS_HOST"]: REDIS_URL ?? REDIS_HOST,
  };
  const given = Object.entries(ways).flatMap(([name, value]) => (value ? [name] : []));
  if (given.length > 1) throw invalid(`${given.join(" and ")} are set: say one way to Redis`);
  if (REDIS_CLUSTER) {
    if (values.REDIS_DB) throw invalid("REDIS_DB is set, but a cluster has one database");
    return { kind: "cluster", seeds: REDIS_CLUSTER };
  }
  if (REDIS_SENTINELS) {
    const { tls } = accessOf(values);
    return {
      kind: "sentinel",
      sentinels: REDIS_SENTINELS,
      name: values.REDIS_SENTINEL_NAME,
      sentinelAccess: {
        ...(values.REDIS_SENTINEL_USERNAME && { username: values.REDIS_SENTINEL_USERNAME }),
        ...(values.REDIS_SENTINEL_PASSWORD && { password: values.REDIS_SENTINEL_PASSWORD }),
        ...(tls && { tls }),
      },
    };
  }
  if (REDIS_URL) {
    const { hostname, port } = new URL(REDIS_URL);
    const host = hostname.replace(/^\[|\]$/g, "") || "127.0.0.1";
    return { kind: "single", server: { host, port: port ? Number(port) : ports.redis } };
  }
  if (REDIS_HOST) return { kind: "single", server: { host: REDIS_HOST, port: REDIS_PORT } };
  return undefined;
}

/** What stands in the URL wins. */
function accessOf(values: RedisValues): Access {
  const url = values.REDIS_URL === undefined ? undefined : new URL(values.REDIS_URL);
  const path = url?.pathname.slice(1) ?? "";
  if (path !== "" && !/^\d+$/.test(path))
    throw invalid("REDIS_URL or --redis-url: the path must be the number of a database");
  const username = url?.username ? decodeURIComponent(url.username) : values.REDIS_USERNAME;
  const password = url?.password ? decodeURIComponent(url.password) : values.REDIS_PASSWORD;
  const database = path === "" ? values.REDIS_DB : Number(path);
  if ((values.REDIS_TLS_CERT === undefined) !== (values.REDIS_TLS_KEY === undefined))
    throw invalid("REDIS_TLS_CERT and REDIS_TLS_KEY belong together");
  const isTls = values.REDIS_TLS || url?.protocol === "rediss:";
  const certificates = ["REDIS_TLS_CA", "REDIS_TLS_CERT"] as const;
  const given = certificates.find((name) => values[name] !== undefined);
  // Whoever names certificates does not want to be connected without them.
  if (given !== undefined && !isTls)
    throw invalid(`${given} is of use with TLS only: write rediss:// or set REDIS_TLS`);
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(database !== undefined && { database }),
    ...(isTls && {
      tls: {
        ...fileOf("ca", "REDIS_TLS_CA", values),
        ...fileOf("cert", "REDIS_TLS_CERT", values),
        ...fileOf("key", "REDIS_TLS_KEY", values),
      },
    }),
  };
}

function fileOf(
  option: "ca" | "cert" | "key",
  variable: "REDIS_TLS_CA" | "REDIS_TLS_CERT" | "REDIS_TLS_KEY",
  values: RedisValues,
): Record<string, string> {
  const path = values[variable];
  if (path === undefined) return {};
  const text = textOf(path, variable);
  // Node would go on without what it can't read.
  if (!text.includes("-----BEGIN ")) throw invalid(`${variable}: ${path} is no file in PEM`);
  return { [option]: text };
}

function textOf(path: string, variable: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw invalid(`${variable}: ${(cause as Error).message}`);
  }
}

function invalid(problem: string): RuntimeError {
  return new RuntimeError("config.invalid", `The configuration is not valid:\n  ${problem}.`, {
    problems: [problem],
  });
}
