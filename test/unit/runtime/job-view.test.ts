// A job as clients see it, where that is not simply how it is stored.
import { flow } from "avtomatika";
import { expect, test } from "vitest";
import { openWorld } from "../../support/runtime-world.ts";

test("shows a flow in its end state, as charts do, while the handler of that state is under way", async () => {
  const parcel = flow("parcel", { version: "1" });
  parcel.state("start", { isStart: true, to: ["sent"] }, (ctx) => ctx.actions.transitionTo("sent"));
  let failures = 1;
  parcel.state("sent", { isEnd: true }, () => {
    if (failures-- > 0) throw new Error("The label printer is out of paper.");
  });
  const { clock, runtime } = await openWorld([parcel.build()]);
  const { jobId } = await runtime.jobs.start({ blueprint: "parcel", input: {} });

  const waiting = await runtime.jobs.get(jobId);
  expect(waiting?.status).not.toBe("finished");
  expect(waiting?.activeStates).toEqual(["parcel", "parcel.sent"]);

  await clock.advance(1000);
  expect(await runtime.jobs.get(jobId)).toMatchObject({
    status: "finished",
    activeStates: ["parcel", "parcel.sent"],
  });
});
