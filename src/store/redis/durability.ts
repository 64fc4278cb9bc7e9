// What a Redis is really set to, and whether that keeps what was promised.
import { ErrorReply } from "redis";
import { RuntimeError, type ErrorCode } from "../../errors.ts";
import type { Client } from "./connection.ts";

/**
 * What Redis must keep of what was acknowledged. `relaxed`: whatever it keeps as it is set. `durable`: all, also when
 * the power fails. `replicated`: all, also when the primary is lost, as far as replicas can tell.
 */
export const durabilities = ["relaxed", "durable", "replicated"] as const;
export type Durability = (typeof durabilities)[number];

/** What a primary has told of itself. */
export interface ServerFacts {
  /** `host:port` */
  readonly address: string;
  readonly version: string;
  readonly role: string;
  readonly appendOnly: boolean;
  /** Unknown where the user may not read the configuration. */
  readonly appendFsync?: string;
  readonly minReplicasToWrite?: number;
  readonly evictionPolicy: string;
  readonly usedBytes: number;
  /** 0 where there is no limit. */
  readonly maxBytes: number;
  /** Replicas that are connected. */
  readonly replicas: number;
}

/** What a server has told, and what is wrong with that. */
export interface Examined {
  readonly facts: ServerFacts;
  readonly findings: readonly Finding[];
}

/** What an operator may want to know of the store. */
export interface RedisCondition {
  readonly kind: "redis";
  readonly durability: Durability;
  readonly shards: number;
  /** Those that have answered lately. */
  readonly servers: readonly Examined[];
  /** Why none of them can be reached now. */
  readonly absence?: string;
}

export interface Expectation {
  /** What was asked for; where absent, Redis must be durable and must be able to say so. */
  readonly durability?: Durability;
  /** How many replicas must have a write, with `replicated`. */
  readonly replicas: number;
}

/** The level that holds. */
export function durabilityOf({ durability = "durable" }: Expectation): Durability {
  return durability;
}

/** Something that is wrong with a server. No new jobs are given to one with an error, or without memory. */
export interface Finding {
  readonly severity: "error" | "warning";
  readonly code: ErrorCode;
  /** What is wrong, without where the server is: for anybody. */
  readonly problem: string;
  /** The same with it: for operators. */
  readonly message: string;
}

/** What kept everybody from looking at a server. */
export function findingOf(
  { code, message }: RuntimeError,
  severity: Finding["severity"] = "error",
): Finding {
  return { severity, code, problem: message, message };
}

/** The oldest version that has what the scripts need. */
const oldestMajor = 7;
/** Above this share of its limit, new jobs are refused: what runs needs the rest. */
export const fullShare = 0.9;

export async function readFacts(client: Client, address: string): Promise<ServerFacts> {
  const info = fieldsOf(await client.info());
  const settings = await readSettings(client);
  return {
    address,
    version: info.get("valkey_version") ?? info.get("redis_version") ?? "unknown",
    role: info.get("role") ?? "unknown",
    appendOnly: info.get("aof_enabled") === "1",
    ...(settings && {
      appendFsync: settings["appendfsync"] ?? "unknown",
      minReplicasToWrite: Number(settings["min-replicas-to-write"] ?? 0),
    }),
    evictionPolicy: info.get("maxmemory_policy") ?? "unknown",
    usedBytes: Number(info.get("used_memory") ?? 0),
    maxBytes: Number(info.get("maxmemory") ?? 0),
    replicas: Number(info.get("connected_slaves") ?? 0),
  };
}

/** Undefined where the user may not read them, or Redis has no such command, as is the case with some providers. */
async function readSettings(client: Client): Promise<Record<string, string> | undefined> {
  try {
    return await client.configGet(["appendfsync", "min-replicas-to-write"]);
  } catch (error) {
    if (!(error instanceof ErrorReply)) throw error;
    return undefined;
  }
}

function fieldsOf(info: string): ReadonlyMap<string, string> {
  const fields = info.split("\r\n").map((line) => line.split(":", 2) as [string, string]);
  return new Map(fields);
}

/** What is wrong with a primary, the worst first. */
export function findingsOf(facts: ServerFacts, expected: Expectation): readonly Finding[] {
  const { address, version, role, evictionPolicy, usedBytes, maxBytes, replicas } = facts;
  const findings: Finding[] = [];
  const find = (severity: Finding["severity"], code: ErrorCode, problem: string) =>
    findings.push({ severity, code, problem, message: `Redis at ${address}: ${problem}` });
  const error = (code: ErrorCode, problem: string) => find("error", code, problem);
  const warning = (code: ErrorCode, problem: string) => find("warning", code, problem);

  if (Number.parseInt(version, 10) < oldestMajor)
    error("store.unusable", `it is version ${version}; ${oldestMajor}.0 is the oldest that works.`);
  if (role !== "master" && role !== "unknown")
    error("store.unavailable", "it is a replica, which takes no writes. Name the primary.");
  if (evictionPolicy !== "noeviction" && evictionPolicy !== "unknown")
    error(
      "store.evicting",
      `maxmemory-policy is ${evictionPolicy}, which deletes jobs when memory is short. Set it to noeviction.`,
    );
  const durability = durabilityProblem(facts, expected);
  if (durability !== undefined) error("store.durability_unmet", durability);
  if (expected.durability === "replicated" && replicas < expected.replicas)
    error(
      "store.durability_unmet",
      `${replicas} replicas are connected, but a write needs ${expected.replicas} to be acknowledged.`,
    );
  if (expected.durability === "replicated" && !facts.appendOnly)
    warning(
      "store.durability_unmet",
      "appendonly is no. A primary that is started again before a replica has taken its place comes back without what it acknowledged, and its replicas follow it. Set appendonly yes.",
    );
  if (isFull(facts))
    warning(
      "store.full",
      `${Math.round((100 * usedBytes) / maxBytes)} % of its memory is used, so no new jobs are started.`,
    );
  return findings;
}

function durabilityProblem(
  { appendOnly, appendFsync }: ServerFacts,
  { durability }: Expectation,
): string | undefined {
  if (durability === "relaxed" || durability === "replicated") return undefined;
  if (appendFsync === undefined && durability === undefined)
    return "CONFIG is forbidden, so nobody can tell how durable it is. Say so with DURABILITY or --durability: relaxed, durable or replicated.";
  if (appendOnly && (appendFsync === undefined || appendFsync === "always")) return undefined;
  const state = appendOnly ? `appendfsync is ${appendFsync}` : "appendonly is no";
  return `${state}, so a failure would lose what has been acknowledged. Set appendonly yes and appendfsync always, or accept that with --durability relaxed.`;
}

/** Whether new jobs are to be refused, so that those which run can end. */
export function isFull({ usedBytes, maxBytes }: ServerFacts): boolean {
  return maxBytes > 0 && usedBytes > fullShare * maxBytes;
}

/** @throws RuntimeError for the first finding that is an error */
export function requireFine(findings: readonly Finding[]): void {
  const first = findings.find(({ severity }) => severity === "error");
  if (first) throw new RuntimeError(first.code, first.message);
}
