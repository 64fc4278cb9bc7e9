// What workers can do with image files. Paths are the worker's own; nothing but paths and sizes travels.
import { task } from "avtomatika";
import { z } from "zod";

const pixels = z.int().positive();
const progress = z.object({ ratio: z.number().min(0).max(1) });

/** Reads the header of an image file. */
export const probeImage = task("probe_image", {
  input: z.object({ source: z.string() }),
  output: z.object({ format: z.string(), width: pixels, height: pixels, bytes: z.int() }),
  runTimeoutMs: 30_000,
});

/** Writes a copy of an image that is `width` pixels wide. */
export const renderImage = task("render_image", {
  input: z.object({ source: z.string(), target: z.string(), width: pixels.max(16_384) }),
  output: z.object({ path: z.string(), width: pixels, height: pixels, bytes: z.int() }),
  progress,
  runTimeoutMs: 120_000,
});

/** Writes one image that shows others side by side. */
export const contactSheet = task("contact_sheet", {
  input: z.object({ images: z.array(z.string()).min(1).max(64), target: z.string() }),
  output: z.object({ path: z.string(), width: pixels, height: pixels, bytes: z.int() }),
  progress,
  runTimeoutMs: 120_000,
});
