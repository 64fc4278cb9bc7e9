// The order that may need approval, on virtual time: what `docs/guides/testing.md` quotes.
import {
  fail,
  findPaths,
  openTestWorld,
  replayJobs,
  assertReplayed,
  reply,
} from "avtomatika/testing";
import { expect, test } from "vitest";
import { orderApproval } from "../../machines/order-approval.ts";
import { hold, label, release, reserve, ship, charge } from "../../worker/tasks/order-tasks.ts";

const order = {
  orderId: "o-1",
  lines: [{ sku: "lamp", quantity: 2 }],
  amountCents: 90_000,
  card: "4242",
  address: "1 Main Street",
};
const days = 24 * 60 * 60 * 1000;

test("a large order waits three days for a person, and its goods go back", async () => {
  const world = await openTestWorld(orderApproval, {
    tasks: {
      reserveStock: reply({ reservationId: "r-1" }),
      releaseStock: reply({ released: true }),
    },
  });
  const job = await world.start(order);
  job.assertIn("approval.open.clerk");
  job.assertStatus("waiting_for_human");

  await world.advance(3 * days);
  job.assertIn("declined");
  job.assertDispatched("releaseStock", { reservationId: "r-1" });
  job.assertNotDispatched("shipOrder");
  expect(job.output?.problem).toBe("Nobody decided in time.");
  await world.close();
});

test("the answer goes back to whoever asked, and approval ships the order", async () => {
  const world = await openTestWorld(orderApproval, {
    handlers: [reserve, hold, label, ship, charge, release],
  });
  const job = await world.start(order);
  await job.send({ type: "ESCALATE" });
  await job.send({ type: "ASK", question: "Why two lamps?" });
  await job.send({ type: "ANSWER", answer: "Two rooms." });
  job.assertIn("approval.open.manager");

  await job.send({ type: "APPROVE", by: "Mara" });
  await job.run();
  job.assertIn("paid");
  expect(job.context.approvedBy).toBe("Mara");
  await world.close();
});

test("a label that cannot be printed at first is printed later", async () => {
  const world = await openTestWorld(orderApproval, {
    tasks: {
      printLabel: [
        fail("TRANSIENT_ERROR", "out of paper"),
        ({ attempt, params }) => ({ labelId: `${params.orderId}-${attempt}` }),
      ],
    },
    handlers: [reserve, hold, ship, charge],
  });
  const job = await world.start({ ...order, amountCents: 1000 });
  expect(job.waits).toContainEqual(expect.objectContaining({ kind: "task", state: "delayed" }));
  await job.run();
  job.assertWentThrough("fulfilment", "shipping", "charging", "paid");
  expect(job.context.labelId).toBe("o-1-2");
  await world.close();
});

test("parts of the fulfilment may end in any order", async () => {
  const world = await openTestWorld(orderApproval, {
    tasks: { reserveStock: reply({ reservationId: "r-1" }) },
  });
  const job = await world.start({ ...order, amountCents: 1000 });
  await job.complete("printLabel", { labelId: "l-1" });
  expect(job.state).toBe("fulfilment.payment.holding,fulfilment.parcel.ready");
  await job.fail("holdFunds", "PERMANENT_ERROR", "The bank declined the card.");
  job.assertIn("releasing");
  await world.close();
});

test("every state and every transition can be gone through", async () => {
  const found = await findPaths(orderApproval, {
    inputs: [order, { ...order, amountCents: 1000 }],
    events: { APPROVE: [{ by: "Mara" }], REJECT: [{ by: "Mara", reason: "too many lamps" }] },
  });
  found.assertComplete();
  for (const path of found.paths) {
    const { job, world } = await path.run();
    expect(job.error, path.title).toBeUndefined();
    await world.close();
  }
});

test("an order that was recorded goes on the present blueprint as it went", async () => {
  const world = await openTestWorld(orderApproval, {
    handlers: [reserve, hold, label, ship, charge],
  });
  const job = await world.start({ ...order, amountCents: 1000 });
  await job.run();
  const recorded = [job.record];
  await world.close();

  assertReplayed(await replayJobs(recorded, orderApproval));
});
