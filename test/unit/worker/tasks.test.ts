// The example handlers do what their definitions promise, on real files where they work on files.
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { task as declare } from "avtomatika";
import { z } from "zod";
import * as echoDefinitions from "../../../machines/task/echo-task.ts";
import * as imageDefinitions from "../../../machines/task/image-tasks.ts";
import * as orderDefinitions from "../../../machines/task/order-tasks.ts";
import * as textDefinitions from "../../../machines/task/process-data.ts";
import { loadTasks } from "../../../worker/load-tasks.ts";
import { systemClock } from "../../../src/clock.ts";
import { Slots } from "../../../worker/slots.ts";
import { drawSampleImage } from "../../../worker/tasks/sample-image.ts";
import type { DefinedTask } from "../../../worker/index.ts";

const handlers = new Map<string, DefinedTask>();
let folder: string;
beforeAll(async () => {
  const tasks = await loadTasks([join(import.meta.dirname, "../../../worker/tasks")]);
  for (const defined of tasks) handlers.set(defined.type, defined);
  folder = await mkdtemp(join(tmpdir(), "avtomatika-images-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface Answer {
  readonly outcome: string;
  readonly output?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: string; readonly message: string };
}

/** Run one attempt as a worker does, and collect what it would send. */
function run(type: string, params: unknown) {
  const reports: unknown[] = [];
  return new Promise<Answer & { reports: unknown[] }>((resolve) => {
    const slots = new Slots({
      workerId: "w1",
      clock: systemClock,
      log: pino({ level: "silent" }),
      onProgress: (frame) => reports.push(JSON.parse(frame)),
      onResult: (_ref, frame) => resolve({ ...(JSON.parse(frame) as Answer), reports }),
      onFree: () => undefined,
    });
    const ids = { task_id: "t", attempt: 1, job_id: "j", attempts_max: 1 };
    const assign = { type: "task", ...ids, task_type: type, params, priority: 5, lease_ms: 1 };
    slots.start(assign as Parameters<Slots["start"]>[0], handlers.get(type)!);
  });
}

describe("the example handlers", () => {
  const declared = [echoDefinitions, imageDefinitions, orderDefinitions, textDefinitions].flatMap(
    (module) => Object.values<unknown>(module),
  );

  test("do every task that the machines declare", () => {
    const [mark] = Object.getOwnPropertySymbols(
      declare("x", { input: z.null(), output: z.null() }),
    );
    const types = declared.flatMap((value) => {
      const definition = (value as { readonly [key: symbol]: { readonly type: string } })[mark!];
      return definition ? [definition.type] : [];
    });
    expect([...handlers.keys()].toSorted()).toEqual(types.toSorted());
  });
});

describe("echo_task", () => {
  test("says the message as often as it is asked to", async () => {
    const { output } = await run("echo_task", { message: "Hello World", multiply: 3 });
    expect(output).toEqual({
      processed_message: "Hello World Hello World Hello World",
      original_message: "Hello World",
      multiplied_by: 3,
    });
  });

  test("says it once where it is not told", async () => {
    expect((await run("echo_task", { message: "Hi" })).output).toMatchObject({ multiplied_by: 1 });
  });
});

describe("process_data", () => {
  test("processes its input in steps that can be watched", async () => {
    const { output, reports } = await run("process_data", { input: "SUCCESS TEST!" });
    expect(output).toMatchObject({ processed_payload: "SUCCESS TEST!", worker_id: "w1" });
    expect(reports.at(-1)).toMatchObject({ ratio: 1 });
    expect(reports.length).toBeGreaterThan(1);
  });

  test("fails for good where the input says so", async () => {
    expect(await run("process_data", { input: "FAIL TEST" })).toMatchObject({
      outcome: "error",
      error: { code: "PERMANENT_ERROR" },
    });
  });
});

describe("the image handlers", () => {
  test("probe an image, make a rendition of it, and put several on one sheet", async () => {
    const source = await drawSampleImage(join(folder, "source.png"));
    expect((await run("probe_image", { source })).output).toMatchObject({
      format: "png",
      width: 1600,
      height: 1200,
    });
    const target = join(folder, "made/small.webp");
    const rendition = await run("render_image", { source, target, width: 200 });
    expect(rendition.output).toMatchObject({ path: target, width: 200, height: 150 });
    expect(await sharp(target).metadata()).toMatchObject({ format: "webp", width: 200 });
    const sheet = join(folder, "made/sheet.webp");
    const made = await run("contact_sheet", {
      images: [target, source, target, source, target],
      target: sheet,
    });
    expect(made.output).toMatchObject({ path: sheet, width: 1360, height: 528 });
    expect(made.output!["bytes"]).toBeGreaterThan(1000);
    expect((await readdir(join(folder, "made"))).toSorted()).toEqual(["sheet.webp", "small.webp"]);
  });

  test.each([
    ["is not there", "missing.png"],
    ["is no image", "text.png"],
  ])("refuse a file that %s", async (_title, name) => {
    await writeFile(join(folder, "text.png"), "only text");
    expect(await run("probe_image", { source: join(folder, name) })).toMatchObject({
      error: { code: "INVALID_INPUT_ERROR" },
    });
  });
});

describe("the order handlers", () => {
  test("give the same ids for the same order", async () => {
    const lines = [{ sku: "tea", quantity: 2 }];
    const params = { orderId: "o7", lines };
    const [first, second] = [
      await run("reserve_stock", params),
      await run("reserve_stock", params),
    ];
    expect(first.output).toEqual({ reservationId: "reservation-o7" });
    expect(second.output).toEqual(first.output);
  });

  test.each([
    ["reserve_stock", { orderId: "o", lines: [{ sku: "sold-out-1", quantity: 1 }] }, /sold out/],
    ["hold_funds", { orderId: "o", card: "4111 0000", amountCents: 1 }, /declined/],
  ])("%s can fail as the world does", async (type, params, message) => {
    const { error } = await run(type, params);
    expect(error).toMatchObject({ code: "PERMANENT_ERROR" });
    expect(error!.message).toMatch(message);
  });
});
