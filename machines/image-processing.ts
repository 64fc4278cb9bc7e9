// Two tasks in a row: look at an image, then make a smaller one, but never a larger one.
import { flow } from "avtomatika";
import { z } from "zod";
import { probeImage, renderImage } from "./task/image-tasks.ts";

export const imageProcessing = flow("image_processing", {
  version: "1",
  apiVersion: "v1",
  endpoint: "/jobs/image_processing",
  tasks: [probeImage, renderImage],
  input: z.object({
    source: z.string(),
    target: z.string(),
    width: z.int().positive().default(640),
  }),
});

imageProcessing.state("start", { isStart: true, to: ["resizing", "failed"] }, (ctx) =>
  ctx.actions.dispatchTask({
    type: "probe_image",
    params: { source: ctx.initialData.source },
    transitions: { success: "resizing", failure: "failed" },
  }),
);

imageProcessing.state("resizing", { to: ["completed", "failed"] }, (ctx) => {
  const { source, target, width } = ctx.initialData;
  const { format, width: originalWidth, height: originalHeight } = ctx.stateHistory;
  // The next output has a width and a height too: keep those of the original beside them.
  ctx.stateHistory["original"] = { format, width: originalWidth, height: originalHeight };
  ctx.actions.dispatchTask({
    type: "render_image",
    params: { source, target, width: Math.min(width, Number(originalWidth)) },
    transitions: { success: "completed", failure: "failed" },
  });
});
