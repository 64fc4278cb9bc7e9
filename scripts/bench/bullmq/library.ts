// BullMQ as the bench uses it. It is installed in a folder of the bench's own, so that the product does not depend on it.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const versions = { bullmq: "6.7.0", ioredis: "5.8.2" };
const directory = join(import.meta.dirname, "../../../.cache/bench-bullmq");

interface BullJob {
  waitUntilFinished(events: Closable): Promise<unknown>;
}

interface Closable {
  setMaxListeners(most: number): unknown;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}

/** One job of a flow, with those that it waits for. */
export interface FlowJob {
  readonly name: string;
  readonly queueName: string;
  readonly data: unknown;
  readonly children?: readonly FlowJob[];
}

export interface RunningJob {
  readonly name: string;
  readonly data: { readonly value: number };
  getChildrenValues(): Promise<Readonly<Record<string, { readonly value: number }>>>;
}

interface Options {
  readonly connection: { readonly host: string; readonly port: number };
  readonly concurrency?: number;
}

/** The part of BullMQ that is measured. */
export interface BullMq {
  Queue: new (
    name: string,
    options: Options,
  ) => Closable & { add(name: string, data: unknown): Promise<BullJob> };
  QueueEvents: new (name: string, options: Options & { readonly lastEventId: string }) => Closable;
  FlowProducer: new (
    options: Options,
  ) => Closable & { add(flow: FlowJob): Promise<{ readonly job: BullJob }> };
  Worker: new (
    name: string,
    handler: (job: RunningJob) => Promise<unknown>,
    options: Options,
  ) => Closable;
}

/** Install it where it is not there yet, with npm as it is set up here. */
export function installBullMq(): void {
  if (existsSync(join(directory, "node_modules/bullmq"))) return;
  mkdirSync(directory, { recursive: true });
  const manifest = { name: "bench-bullmq", private: true, dependencies: versions };
  writeFileSync(join(directory, "package.json"), JSON.stringify(manifest));
  execFileSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: directory,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

export function loadBullMq(): BullMq {
  return createRequire(join(directory, "package.json"))("bullmq") as BullMq;
}
