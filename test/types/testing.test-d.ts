// What the compiler accepts and refuses of tests of blueprints; checked by `tsc`, never run.
import { findPaths, openTestWorld, reply } from "avtomatika/testing";
import { imagePipeline } from "../../machines/image-pipeline.ts";
import { orderApproval } from "../../machines/order-approval.ts";
import { testFlow } from "../../machines/test-flow.ts";

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_ extends true>(): void => {};

const world = await openTestWorld(orderApproval, {
  tasks: {
    reserveStock: ({ params }) => {
      holds<Same<typeof params.orderId, string>>();
      return { reservationId: "r" };
    },
  },
});
// @ts-expect-error an output that the task does not have
await openTestWorld(orderApproval, { tasks: { holdFunds: reply({ hold: 5 }) } });
// @ts-expect-error an actor that the machine does not have
await openTestWorld(orderApproval, { tasks: { nobody: reply({}) } });

// Members with defaults may be left out.
const job = await world.start({
  orderId: "o",
  lines: [{ sku: "s", quantity: 1 }],
  amountCents: 1,
  card: "c",
  address: "a",
});
// @ts-expect-error members are missing
await world.start({ orderId: "o" });

await job.send({ type: "APPROVE", by: "Mara" });
// @ts-expect-error an event without its member
await job.send({ type: "APPROVE" });
// @ts-expect-error an event that the machine does not have
await job.send({ type: "LAUNCH" });

job.assertIn("approval");
job.assertIn("approval.open.clerk");
// @ts-expect-error a state that the machine does not have
job.assertIn("approval.clerk");

holds<Same<typeof job.context.approvedBy, string | null>>();
holds<Same<NonNullable<typeof job.output>["orderId"], string>>();

await job.complete("holdFunds", { holdId: "h" });
// @ts-expect-error an output that the task does not have
await job.complete("holdFunds", { label: "h" });
holds<Same<ReturnType<typeof job.tasks<"shipOrder">>[number]["params"]["labelId"], string>>();

await findPaths(orderApproval, {
  events: { REJECT: [{ by: "Mara", reason: "no" }] },
  outcomes: { hold: [reply({ holdId: "h" })] },
});
// @ts-expect-error an event without its member
await findPaths(orderApproval, { events: { REJECT: [{ by: "Mara" }] } });

(await (await openTestWorld(imagePipeline)).start({ source: "s", directory: "d" })).assertIn(
  "rendering.small",
);
// A flow is known by its states' names at run time alone.
(await (await openTestWorld(testFlow)).start({ message: "m" })).assertIn("completed");
