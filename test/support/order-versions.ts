// Versions of one blueprint, jobs of the first of them, and what tests do with both.
import { expect } from "vitest";
import { setup } from "xstate";
import { z } from "zod";
import { decodeEnvelope } from "../../src/actor/codec.ts";
import { originAt, replay } from "../../src/actor/replay.ts";
import { blueprint, type Blueprint } from "../../src/blueprint/blueprint.ts";
import type { Migration } from "../../src/blueprint/migration.ts";
import { task } from "../../src/blueprint/task.ts";
import type { MigrateJobs } from "../../src/runtime/version-service.ts";
import type { World } from "./runtime-world.ts";
import { ScriptedWorker } from "./scripted-worker.ts";

export const seconds = 1000;
const any = { input: z.unknown(), output: z.unknown() };
const charge = task("charge", any);
const check = task("check", any);

const actors = { charge, check };
export const made = (version: string, config: object, migrate?: readonly Migration[]): Blueprint =>
  blueprint("order", {
    version,
    machine: setup({
      types: { context: {} as Record<string, unknown> },
      actors,
      delays: { patience: 60 * seconds, haste: 5 * seconds },
    }).createMachine({
      id: "order",
      context: ({ input }: { input: unknown }) => ({ input }),
      ...config,
    } as never) as never,
    ...(migrate && { migrate }),
  });

export const charging = {
  invoke: {
    id: "charge",
    src: "charge",
    input: { is: "first" },
    onDone: "paid",
    onError: "failed",
  },
  after: { patience: "failed" },
};
export const ends = { paid: { type: "final" }, failed: { type: "final" } };
export const first = made("1", {
  initial: "open",
  states: { open: { on: { PAY: "charging" } }, charging, ...ends },
});

export async function started(world: World, ...events: string[]): Promise<string> {
  const { jobId } = await world.runtime.jobs.start({ blueprint: "order", version: "1", input: 1 });
  for (const type of events) await world.runtime.jobs.send(jobId, { type });
  return jobId;
}
export const migrate = ({ runtime }: World, more: Partial<MigrateJobs> = {}) =>
  runtime.versions.migrate({
    blueprint: "order",
    from: "1",
    dryRun: false,
    by: "ann",
    limit: 100,
    ...more,
  });
export async function worker(world: World, ...types: string[]): Promise<ScriptedWorker> {
  const one = new ScriptedWorker(world.runtime.workers, "w", types);
  await one.connect();
  return one;
}
/** The stored job, and that its history replays to the very same. */
export async function replayed({ store }: World, jobId: string, ...versions: readonly Blueprint[]) {
  const envelope = decodeEnvelope((await store.loadJob(jobId))!.envelope);
  const history = await store.history(jobId, 0, 100);
  const { blueprint: name, version, shape } = envelope;
  const origin = { jobId, blueprint: name, version, shape };
  const machineOf = (wanted: string) => versions.find((one) => one.version === wanted)!.machine;
  expect(originAt(origin, history).version).toBe("1");
  expect(replay(machineOf, origin, history)).toEqual(envelope);
  return envelope;
}

const reviewed = {
  initial: "open",
  states: {
    open: { on: { PAY: "payment" } },
    payment: { initial: "charging", states: { charging } },
    ...ends,
  },
};
export const inPayment = made(
  "2",
  {
    ...reviewed,
    states: {
      ...reviewed.states,
      payment: {
        initial: "charging",
        states: {
          charging: {
            ...charging,
            invoke: { ...charging.invoke, onDone: "#order.paid", onError: "#order.failed" },
            after: { patience: "#order.failed" },
          },
        },
      },
    },
  },
  [
    {
      from: "1",
      states: { charging: "payment.charging" },
      context: (context: object) => ({ ...context, currency: "EUR" }),
    },
  ],
);
