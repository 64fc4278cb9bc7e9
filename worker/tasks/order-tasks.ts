// What a shop's workers do for an order. Ids come from the order, so that a task that runs twice has the effect of one.
import { setTimeout as delay } from "node:timers/promises";
import {
  chargeCard,
  holdFunds,
  printLabel,
  releaseStock,
  reserveStock,
  shipOrder,
} from "../../machines/task/order-tasks.ts";
import { defineTask, PermanentError } from "avtomatika/worker";

/** How long the shop's other systems take to answer. */
const answerMs = 50;

/** The bank declines cards that end in this. */
const declinedCard = /0000$/;
/** There is nothing left of these goods. */
const soldOut = /^sold-out/;

export const reserve = defineTask(reserveStock, async ({ params, signal, progress }) => {
  for (const [done, line] of params.lines.entries()) {
    progress(done / params.lines.length, `${line.quantity} of ${line.sku}`);
    await delay(answerMs, undefined, { signal });
    if (soldOut.test(line.sku)) throw new PermanentError(`${line.sku} is sold out.`);
  }
  return { reservationId: `reservation-${params.orderId}` };
});

export const release = defineTask(releaseStock, async ({ signal }) => {
  await delay(answerMs, undefined, { signal });
  return { released: true };
});

export const hold = defineTask(holdFunds, async ({ params, signal }) => {
  await delay(answerMs, undefined, { signal });
  if (declinedCard.test(params.card)) throw new PermanentError("The bank declined the card.");
  return { holdId: `hold-${params.orderId}` };
});

export const label = defineTask(printLabel, async ({ params, signal }) => {
  await delay(answerMs, undefined, { signal });
  return { labelId: `label-${params.orderId}` };
});

export const ship = defineTask(shipOrder, async ({ params, signal, progress }) => {
  for (const [done, step] of ["packed", "collected", "on its way"].entries()) {
    await delay(answerMs, undefined, { signal });
    progress((done + 1) / 3, step);
  }
  return { trackingCode: `AV-${params.orderId}` };
});

export const charge = defineTask(chargeCard, async ({ params, signal }) => {
  await delay(answerMs, undefined, { signal });
  return { paymentId: `payment-${params.orderId}` };
});
