// What a step sends to the children that it starts and stops.
import { sendTo, stopChild } from "xstate";
import { expect, test } from "vitest";
import { ActorJob, machineOf } from "../../support/actor-job.ts";

test("what a step sends to a child before it stops it arrives, and nothing that it sends after", () => {
  const kid = ({ context }: { context: Record<string, unknown> }) => context["kid"] as never;
  const machine = machineOf({
    context: ({ spawn }: { spawn: (src: string, options: object) => unknown }) => ({
      kid: spawn("task", { id: "kid" }),
    }),
    on: {
      GO: {
        actions: [
          sendTo(kid, { type: "BEFORE" } as never),
          stopChild("kid"),
          sendTo(kid, { type: "AFTER" } as never),
        ],
      },
    },
  });
  const job = new ActorJob(machine);
  const generation = job.generation("kid");
  job.send("GO");
  expect(job.effects).toEqual([
    {
      type: "send",
      target: { kind: "child", child: "kid", generation },
      event: { type: "BEFORE" },
      number: 1,
    },
    { type: "stop_child", child: "kid", generation, src: "task", number: 2 },
  ]);
});
