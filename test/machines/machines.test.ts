// Every blueprint that ships runs to its end: a real server on the embedded store, a real worker, real files.
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startLiveServer, type LiveServer } from "../support/live-server.ts";

let live: LiveServer;
beforeAll(async () => {
  live = await startLiveServer();
});
afterAll(() => live.close());

interface Job {
  readonly job_id: string;
  readonly current_state: string;
  readonly status: string;
  readonly state_history: Record<string, unknown>;
  readonly output: unknown;
  readonly parent_job_id?: string;
}

async function start(path: string, input: unknown): Promise<string> {
  const { status, body } = await live.call("POST", path, input);
  expect(status).toBe(202);
  expect(body).toMatchObject({ status: "accepted" });
  return (body as { job_id: string }).job_id;
}
const jobAt = async (jobId: string): Promise<Job> =>
  (await live.call("GET", `/api/v1/jobs/${jobId}`)).body as Job;
const end = async (jobId: string): Promise<Job> =>
  (await live.call("GET", `/api/v1/jobs/${jobId}/wait?timeout_ms=15000`)).body as Job;
async function until(jobId: string, state: string): Promise<void> {
  await expect.poll(async () => (await jobAt(jobId)).current_state).toBe(state);
}

test("test_workflow answers as the original does", async () => {
  const jobId = await start("/api/jobs/test", { input: "SUCCESS TEST!" });
  expect(await end(jobId)).toMatchObject({
    current_state: "completed",
    status: "finished",
    state_history: {
      processed_payload: expect.anything() as unknown,
      worker_id: "test-worker",
      message: expect.any(String) as string,
    },
  });
});

test("test_workflow fails where its task fails", async () => {
  const jobId = await start("/api/jobs/test", { input: "FAIL TEST!" });
  expect(await end(jobId)).toMatchObject({ current_state: "failed", status: "finished" });
});

test("test_flow repeats a message as often as it is told", async () => {
  const jobId = await start("/api/v1/jobs/test", { message: "Hello World", multiply: 3 });
  expect(await end(jobId)).toMatchObject({
    current_state: "completed",
    state_history: {
      processed_message: "Hello World Hello World Hello World",
      original_message: "Hello World",
      multiplied_by: 3,
    },
  });
});

test("five jobs in a row all complete", async () => {
  for (let n = 1; n <= 5; n++) {
    const jobId = await start("/api/v1/jobs/test", { message: `m${n}`, multiply: n });
    expect(await end(jobId)).toMatchObject({ state_history: { original_message: `m${n}` } });
  }
});

describe("with a real image", () => {
  let source: string;
  beforeAll(async () => {
    source = join(live.directory, "source.png");
    const sky = { r: 120, g: 170, b: 230 };
    await sharp({ create: { width: 1600, height: 1000, channels: 3, background: sky } })
      .png()
      .toFile(source);
  });

  test("image_processing makes a smaller copy", async () => {
    const target = join(live.directory, "smaller.webp");
    const jobId = await start("/api/v1/jobs/image_processing", { source, target, width: 800 });
    expect(await end(jobId)).toMatchObject({
      current_state: "completed",
      state_history: { original: { width: 1600, height: 1000 }, width: 800, height: 500 },
    });
    expect(await sharp(target).metadata()).toMatchObject({ format: "webp", width: 800 });
  });

  test("image_pipeline makes three renditions and a contact sheet", async () => {
    const { directory } = live;
    const jobId = await start("/api/v1/jobs/image_pipeline", { source, directory });
    const job = await end(jobId);
    expect(job).toMatchObject({ current_state: "completed", status: "finished" });
    const { renditions, sheet } = job.output as {
      renditions: Record<string, string>;
      sheet: string;
    };
    const widths = await Promise.all(
      ["small", "medium", "large"].map(async (size) => {
        const { width } = await sharp(renditions[size]).metadata();
        return width;
      }),
    );
    expect(widths).toEqual([320, 640, 1280]);
    expect((await stat(sheet)).size).toBeGreaterThan(1000);
  });

  test("image_album sends each photo through the pipeline as a job of its own", async () => {
    const directory = join(live.directory, "album");
    await mkdir(directory);
    const photos = [
      { source, directory },
      { source: join(directory, "nothing.png"), directory },
    ];
    const jobId = await start("/api/v1/jobs/image_album", { photos });
    const job = await end(jobId);
    expect(job).toMatchObject({
      current_state: "completed",
      output: {
        sheets: [join(directory, "contact-sheet.webp")],
        problems: [expect.stringContaining("nothing.png")],
      },
    });
    const { body } = await live.call("GET", "/api/v1/jobs/page?blueprint=image_pipeline");
    const children = await Promise.all(
      (body as { jobs: Job[] }).jobs.map((one) => jobAt(one.job_id)),
    );
    const parents = children.map(({ parent_job_id }) => parent_job_id);
    expect(parents.filter((parent) => parent === jobId)).toHaveLength(2);
  });

  test("image_survey looks at all images at once, and asks a person about those that are broken", async () => {
    const broken = join(live.directory, "broken.png");
    const sources = [source, ...Array.from({ length: 18 }, () => source), broken];
    const jobId = await start("/api/v1/jobs/image_survey", { sources });
    await until(jobId, "judging");
    expect(await jobAt(jobId)).toMatchObject({
      status: "waiting_for_human",
      state_history: { images: 19, broken: [broken] },
    });
    await live.call("POST", `/_public/webhooks/approval/${jobId}`, { decision: "approved" });
    expect(await end(jobId)).toMatchObject({ current_state: "completed", status: "finished" });
  });

  test("image_survey asks nobody where all images can be read", async () => {
    const jobId = await start("/api/v1/jobs/image_survey", { sources: [source] });
    const { size } = await stat(source);
    expect(await end(jobId)).toMatchObject({
      current_state: "completed",
      state_history: { images: 1, bytes: size, broken: [] },
    });
  });

  test("image_pipeline says what is wrong with a file that is no image", async () => {
    const { directory } = live;
    const input = { source: join(directory, "nothing.png"), directory };
    const jobId = await start("/api/v1/jobs/image_pipeline", input);
    expect(await end(jobId)).toMatchObject({
      current_state: "failed",
      output: { problem: expect.stringContaining("nothing.png") as string },
    });
  });
});

describe("order_approval", () => {
  const order = {
    orderId: "o-1",
    lines: [{ sku: "lamp", quantity: 2 }],
    card: "4242",
    address: "1 Main Street",
  };
  const send = (jobId: string, event: unknown) =>
    live.call("POST", `/api/v1/jobs/${jobId}/events`, event);

  test("ships a small order without asking anybody", async () => {
    const jobId = await start("/api/v1/jobs/order_approval", { ...order, amountCents: 1000 });
    expect(await end(jobId)).toMatchObject({
      current_state: "paid",
      output: { orderId: "o-1", problem: null },
    });
  });

  test("waits for a person, remembers who asked, and ships when approved", async () => {
    const jobId = await start("/api/v1/jobs/order_approval", { ...order, amountCents: 90_000 });
    await until(jobId, "approval.open.clerk");
    expect(await jobAt(jobId)).toMatchObject({ status: "waiting_for_human" });
    await send(jobId, { type: "ESCALATE" });
    await until(jobId, "approval.open.manager");
    await send(jobId, { type: "ASK", question: "Why two lamps?" });
    await until(jobId, "approval.asking");
    await send(jobId, { type: "ANSWER", answer: "Two rooms." });
    await until(jobId, "approval.open.manager");
    expect(await send(jobId, { type: "APPROVE", by: "Mara" })).toMatchObject({
      body: { status: "accepted" },
    });
    expect(await end(jobId)).toMatchObject({ current_state: "paid", status: "finished" });
  });

  test("puts the goods back when nobody decides in time", async () => {
    const jobId = await start("/api/v1/jobs/order_approval", {
      ...order,
      amountCents: 90_000,
      approvalDeadlineMs: 50,
    });
    expect(await end(jobId)).toMatchObject({
      current_state: "declined",
      output: { problem: "Nobody decided in time." },
    });
  });
});
