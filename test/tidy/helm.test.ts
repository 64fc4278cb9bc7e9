// The chart as Helm renders it, where there is a Helm: what a server would read of it is a valid configuration.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { readConfig } from "../../src/config.ts";
import { root } from "./repository.ts";

const chart = join(root, "deploy/helm/avtomatika");
const hasHelm = spawnSync("helm", ["version", "--short"]).status === 0;
const tokens = {
  "secrets.clientToken": "3f9d2c51b7aa4e08",
  "secrets.workerToken": "c41b77e09d5a42f6",
};

interface Manifest {
  readonly kind: string;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly egress?: readonly { readonly ports: readonly { readonly port: number }[] }[];
    readonly template?: {
      readonly spec: { readonly containers: readonly { readonly env: readonly Variable[] }[] };
    };
  };
}
interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef?: { readonly key: string; readonly optional?: true };
  };
}

function helm(values: Readonly<Record<string, string>>) {
  const set = Object.entries(values).flatMap(([name, value]) => [
    "--set-string",
    `${name}=${value.replaceAll(",", "\\,")}`,
  ]);
  const { status, stdout, stderr } = spawnSync("helm", ["template", "test", chart, ...set], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

function rendered(values: Readonly<Record<string, string>>): readonly Manifest[] {
  const { stdout, stderr } = helm(values);
  expect(stderr).toBe("");
  return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
}

/** The environment of the server, with what its Secret holds. */
function environment(manifests: readonly Manifest[]): Record<string, string> {
  const secrets = manifests.find(({ kind }) => kind === "Secret")?.stringData ?? {};
  const [server] = manifests.filter(({ kind }) => kind === "Deployment");
  const { env } = server!.spec!.template!.spec.containers[0]!;
  return Object.fromEntries(
    env.flatMap(({ name, value, valueFrom }) => {
      const key = valueFrom?.secretKeyRef?.key;
      const held = key === undefined ? (value ?? "a-pod") : secrets[key];
      return held === undefined ? [] : [[name, held] as const];
    }),
  );
}
const configOf = (values: Readonly<Record<string, string>>) =>
  readConfig({ env: environment(rendered(values)), envFile: "/nowhere/.env" });

describe.skipIf(!hasHelm)("the chart as Helm renders it; skipped where there is no Helm", () => {
  test("over a single Redis", () => {
    const { redis, retentionMs } = configOf({
      ...tokens,
      "redis.url": "redis://redis:6379/2",
      "secrets.redisPassword": "hunter2",
      "server.jobRetentionSeconds": "31536000",
    });
    expect(redis).toMatchObject({
      deployment: { kind: "single", server: { host: "redis", port: 6379 } },
      access: { database: 2, password: "hunter2" },
      durability: "durable",
    });
    expect(retentionMs).toBe(31_536_000_000);
  });

  test("behind Sentinels, with named tokens and an archive", () => {
    const config = configOf({
      "redis.sentinels": "s1:26379,s2:26379",
      "redis.sentinelName": "jobs",
      "redis.sentinelUsername": "asks",
      "secrets.sentinelPassword": "hunter3",
      "secrets.clientTokens": "ops:5d0a8e7714c94b62",
      "secrets.workerToken": tokens["secrets.workerToken"],
      "secrets.historyDatabaseUri": "postgresql://u:p@h:5432/n",
    });
    expect(config.redis?.deployment).toMatchObject({
      kind: "sentinel",
      name: "jobs",
      sentinels: [{ host: "s1" }, { host: "s2" }],
      sentinelAccess: { username: "asks", password: "hunter3" },
    });
    expect(config.clientToken).toBeUndefined();
    expect([...config.clientTokens!.keys()]).toEqual(["ops"]);
    expect(config.archiveUri).toBe("postgresql://u:p@h:5432/n");
  });

  test("over a cluster", () => {
    const { redis } = configOf({
      ...tokens,
      "redis.cluster": "c1:7000,c2:7000",
      "redis.shards": "128",
    });
    expect(redis).toMatchObject({ deployment: { kind: "cluster" }, shards: 128 });
  });

  test("lets servers out to the stores that they use, and to no others", () => {
    const portsWith = (values: Readonly<Record<string, string>>) => {
      const policy = rendered({ ...tokens, "networkPolicy.enabled": "true", ...values }).find(
        ({ kind }) => kind === "NetworkPolicy",
      );
      return policy!.spec!.egress!.flatMap(({ ports }) => ports.map(({ port }) => port));
    };
    expect(portsWith({ "redis.url": "redis://r" })).toEqual([53, 53, 6379]);
    const sentinels = { "redis.sentinels": "s1", "secrets.historyDatabaseUri": "postgresql://h/n" };
    expect(portsWith(sentinels)).toEqual([53, 53, 6379, 26_379, 5432]);
  });

  test("not at all without a Redis, or without tokens", () => {
    expect(helm(tokens).stderr).toContain("Say where Redis is");
    expect(helm({ "redis.url": "redis://r" }).stderr).toContain("secrets.clientToken");
  });
});
