// BullMQ in a folder of the bench's own: it is measured against, never depended on.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const version = "6.7.0";
const folder = join(import.meta.dirname, "../../../node_modules/.cache/avtomatika-bench");

/** What the bench uses of it. */
export interface BullMq {
  readonly Queue: new (name: string, options: object) => Queue;
  readonly QueueEvents: new (
    name: string,
    options: object,
  ) => Closable & { waitUntilReady(): Promise<unknown> };
  readonly Worker: new (
    name: string,
    process: (job: QueueJob) => Promise<unknown>,
    options: object,
  ) => Closable & { waitUntilReady(): Promise<unknown> };
  readonly FlowProducer: new (
    options: object,
  ) => Closable & { add(flow: object): Promise<{ job: QueueJob }> };
}
interface Closable {
  close(): Promise<void>;
}
export interface QueueJob {
  readonly name: string;
  readonly data: { readonly value: number };
  getChildrenValues(): Promise<Record<string, number>>;
  waitUntilFinished(events: unknown): Promise<unknown>;
}
interface Queue extends Closable {
  add(name: string, data: object): Promise<QueueJob>;
}

/** Install it where it is not yet, from the registry that npm is set up with. */
export function installBullMq(): void {
  if (existsSync(join(folder, "node_modules/ioredis"))) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  execFileSync("npm", ["install", "--no-audit", "--no-fund", `bullmq@${version}`, "ioredis@5"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

export function loadBullMq(): BullMq {
  return createRequire(join(folder, "package.json"))("bullmq") as BullMq;
}
