// Tasks at once: look at many images, sum up those that are any good, and ask a person about the rest.
import { F, flow } from "avtomatika";
import { z } from "zod";
import { probeImage } from "./task/image-tasks.ts";

export const imageSurvey = flow("image_survey", {
  version: "1",
  apiVersion: "v1",
  endpoint: "/jobs/image_survey",
  tasks: [probeImage],
  input: z.object({ sources: z.array(z.string()).min(1).max(1000) }),
});

imageSurvey.state("start", { isStart: true, to: ["counting"] }, (ctx) =>
  ctx.actions.dispatchParallel({
    tasks: ctx.initialData.sources.map((source) => ({
      type: "probe_image",
      params: { source },
      retry: { maxAttempts: 2 },
    })),
    aggregateInto: "counting",
  }),
);

imageSurvey.aggregatorFor("counting", { to: ["judging"] }, (ctx) => {
  const { sources } = ctx.initialData;
  const isBroken = ctx.aggregationResults.map(({ status }) => status !== "success");
  const sizes = ctx.aggregationResults.flatMap(({ data }) => (data as { bytes: number }) ?? []);
  ctx.actions.updateContext({
    bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
    images: sizes.length,
    broken: sources.filter((_, index) => isBroken[index]),
  });
  ctx.actions.sendEvent("counted", { images: sizes.length });
  ctx.actions.transitionTo("judging");
});

imageSurvey.state(
  "judging",
  {
    to: ["completed", "failed"],
    cases: [
      {
        when: F.stateHistory("broken").some(() => true),
        handler: (ctx) =>
          ctx.actions.awaitHumanApproval({
            message: `${String(ctx.stateHistory["broken"])} cannot be read. Go on without?`,
            transitions: { approved: "completed", rejected: "failed", timeout: "failed" },
            timeoutMs: 24 * 60 * 60 * 1000,
          }),
      },
    ],
  },
  (ctx) => ctx.actions.transitionTo("completed"),
);
