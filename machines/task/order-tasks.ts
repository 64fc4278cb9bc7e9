// What a shop's workers do for an order. Every input names the order, so that doing one twice can be noticed.
import { task } from "avtomatika";
import { z } from "zod";

const orderId = z.string();
export const OrderLine = z.object({ sku: z.string(), quantity: z.int().positive() });
export type OrderLine = z.infer<typeof OrderLine>;

/** Sets goods aside. */
export const reserveStock = task("reserve_stock", {
  input: z.object({ orderId, lines: z.array(OrderLine).min(1) }),
  output: z.object({ reservationId: z.string() }),
});

/** Puts reserved goods back on the shelf. */
export const releaseStock = task("release_stock", {
  input: z.object({ orderId, reservationId: z.string() }),
  output: z.object({ released: z.boolean() }),
});

/** Has the bank hold an amount. A hold lapses by itself, so nothing has to undo it. */
export const holdFunds = task("hold_funds", {
  input: z.object({ orderId, card: z.string(), amountCents: z.int().positive() }),
  output: z.object({ holdId: z.string() }),
});

/** Prints the label that goes on the parcel. */
export const printLabel = task("print_label", {
  input: z.object({ orderId, address: z.string() }),
  output: z.object({ labelId: z.string() }),
});

/** Hands the parcel to the carrier. */
export const shipOrder = task("ship_order", {
  input: z.object({ orderId, labelId: z.string() }),
  output: z.object({ trackingCode: z.string() }),
});

/** Takes the money that the bank holds. */
export const chargeCard = task("charge_card", {
  input: z.object({ orderId, holdId: z.string() }),
  output: z.object({ paymentId: z.string() }),
});
