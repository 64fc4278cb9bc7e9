// What the compiler accepts and refuses of task handlers; checked by `tsc`, never run.
import { task } from "avtomatika";
import { createWorker, defineTask, withStatus } from "avtomatika/worker";
import { z } from "zod";

const resize = task("resize_image", {
  input: z.object({ url: z.string(), width: z.int().default(640) }),
  output: z.object({ key: z.string() }),
  progress: z.object({ percent: z.number() }),
});

export const right = defineTask(resize, async ({ params, progress }) => {
  // The schema's default makes the width certain.
  const width: number = params.width;
  progress(0.5, "halfway", { percent: 50 });
  return { key: `${params.url}@${width}` };
});
export const withItsOwnStatus = defineTask(resize, () => withStatus("cached", { key: "a" }));
export const untyped = defineTask("anything", ({ params }) => ({ echo: params["text"] }));

// @ts-expect-error: the output has no key.
export const wrongOutput = defineTask(resize, () => ({ name: "a" }));
// @ts-expect-error: the output beside the status has no key.
export const wrongStatusOutput = defineTask(resize, () => withStatus("cached", { name: "a" }));
export const wrongParams = defineTask(resize, ({ params }) => {
  // @ts-expect-error: there is no such input.
  return { key: params.height };
});
export const wrongProgress = defineTask(resize, ({ progress }) => {
  // @ts-expect-error: progress of this task is told in percent.
  progress(0.5, "halfway", { pages: 1 });
  return { key: "a" };
});
export const events = defineTask(resize, async ({ sendEvent }) => {
  const said: "accepted" | "ignored" = await sendEvent("PREVIEW", { url: "p.png" });
  // @ts-expect-error: what an event says has names.
  await sendEvent("PREVIEW", "p.png");
  return { key: said };
});
// @ts-expect-error: a worker's handler is typed by the definition as well.
createWorker().task(resize, async () => ({ key: 7 }));

// What surrounds handlers is typed as well.
createWorker({
  maxConcurrentTasks: 2,
  taskTypeLimits: { resize_image: 1 },
  capacity: async () => 3,
  orchestrators: [{ url: "http://a", priority: 1, weight: 2 }],
  orchestratorMode: "weighted",
  isolation: "thread",
}).use(async ({ taskType, signal }, next) => (signal.aborted ? taskType : await next()));
// @ts-expect-error: there is no such mode.
createWorker({ orchestratorMode: "random" });
// @ts-expect-error: a capacity is a number, or yes or no.
createWorker({ capacity: () => "much" });
// @ts-expect-error: there is no such place.
export const wrongPlace = defineTask(resize, () => ({ key: "a" }), { isolation: "container" });
