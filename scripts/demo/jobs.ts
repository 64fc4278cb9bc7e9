// The jobs of the demo, and how one knows that each has done what it should.
import { mkdir, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import sharp from "sharp";
import type { Job } from "../../src/protocol/job.ts";
import { drawSampleImage } from "../../worker/tasks/sample-image.ts";

export interface DemoJob {
  readonly title: string;
  readonly blueprint: string;
  readonly data: unknown;
  /** What a person says to the job when it waits for one. */
  readonly decision?: { readonly type: string; readonly [member: string]: unknown };
  /** @returns what is wrong with how the job ended, if anything. */
  check(job: Job): Promise<string | undefined> | string | undefined;
}

/** The jobs, with the image that one of them works on drawn into `<data directory>/demo`. */
export async function demoJobs(dataDirectory: string): Promise<readonly DemoJob[]> {
  const directory = resolve(dataDirectory, "demo");
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const source = await drawSampleImage(join(directory, "source.png"));
  return [echo, textProcessing, imagePipeline(source, directory), orderApproval];
}

const echo: DemoJob = {
  title: "echo",
  blueprint: "test_flow",
  data: { message: "Hello World", multiply: 3 },
  check: (job) =>
    differs(job.current_state, "completed") ??
    differs(job.state_history, {
      processed_message: "Hello World Hello World Hello World",
      original_message: "Hello World",
      multiplied_by: 3,
    }),
};

const textProcessing: DemoJob = {
  title: "text processing",
  blueprint: "test_workflow",
  data: { input: "SUCCESS TEST!" },
  check: (job) =>
    differs(job.current_state, "completed") ??
    differs(job.state_history, {
      processed_payload: "SUCCESS TEST!",
      worker_id: "demo-worker",
      message: "Data processed successfully",
    }),
};

function imagePipeline(source: string, directory: string): DemoJob {
  const renditions = { small: 320, medium: 640, large: 1280 };
  return {
    title: "image pipeline",
    blueprint: "image_pipeline",
    data: { source, directory },
    async check(job) {
      const paths = Object.keys(renditions).map((size) => [size, join(directory, `${size}.webp`)]);
      const sheet = join(directory, "contact-sheet.webp");
      const made = { renditions: Object.fromEntries(paths) as unknown, sheet, problem: null };
      const wrong = differs(job.current_state, "completed") ?? differs(job.output, made);
      if (wrong !== undefined) return wrong;
      for (const [size, width] of Object.entries(renditions)) {
        const image = await sharp(join(directory, `${size}.webp`)).metadata();
        if (image.width !== width) return `${size}.webp is ${image.width} pixels wide`;
      }
      return (await stat(sheet)).size > 0 ? undefined : "the contact sheet is empty";
    },
  };
}

const orderApproval: DemoJob = {
  title: "order approval",
  blueprint: "order_approval",
  data: {
    orderId: "order-1",
    lines: [
      { sku: "lamp", quantity: 2 },
      { sku: "desk", quantity: 1 },
    ],
    amountCents: 90_000,
    card: "4242 4242 4242 4242",
    address: "1 Main Street",
  },
  decision: { type: "APPROVE", by: "the demo" },
  check: (job) =>
    differs(job.current_state, "paid") ??
    differs(job.output, {
      orderId: "order-1",
      trackingCode: "AV-order-1",
      paymentId: "payment-order-1",
      problem: null,
    }),
};

function differs(actual: unknown, expected: unknown): string | undefined {
  if (isDeepStrictEqual(actual, expected)) return undefined;
  return `it is ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`;
}
