// An order that a person may have to approve: hierarchy, a parallel region, history, a deadline of days.
import { blueprint } from "avtomatika";
import { assign, setup } from "xstate";
import { z } from "zod";
import {
  chargeCard,
  holdFunds,
  OrderLine,
  printLabel,
  releaseStock,
  reserveStock,
  shipOrder,
} from "./task/order-tasks.ts";

const daysMs = 24 * 60 * 60 * 1000;

const Order = z.object({
  orderId: z.string(),
  lines: z.array(OrderLine).min(1),
  amountCents: z.int().positive(),
  card: z.string(),
  address: z.string(),
  /** Orders above this amount need a person's approval. */
  approvalAboveCents: z.int().nonnegative().default(50_000),
  /** How long that person has, in milliseconds. */
  approvalDeadlineMs: z
    .int()
    .positive()
    .default(3 * daysMs),
});
type Order = z.infer<typeof Order>;

interface Context extends Order {
  readonly reservationId: string;
  readonly holdId: string;
  readonly labelId: string;
  readonly trackingCode: string;
  readonly paymentId: string;
  readonly approvedBy: string | null;
  readonly problem: string | null;
}

type OrderEvent =
  | { type: "APPROVE"; by: string }
  | { type: "REJECT"; by: string; reason: string }
  | { type: "ESCALATE" }
  | { type: "ASK"; question: string }
  | { type: "ANSWER"; answer: string };

const machine = setup({
  types: {
    input: {} as Order,
    context: {} as Context,
    events: {} as OrderEvent,
    output: {} as Pick<Context, "orderId" | "trackingCode" | "paymentId" | "problem">,
  },
  actors: { reserveStock, releaseStock, holdFunds, printLabel, shipOrder, chargeCard },
  guards: {
    needsApproval: ({ context }) => context.amountCents > context.approvalAboveCents,
  },
  delays: {
    approvalDeadline: ({ context }) => context.approvalDeadlineMs,
  },
  actions: {
    keepProblem: assign((_, { error }: { error: unknown }) => ({
      problem: (error as { readonly message: string }).message,
    })),
  },
}).createMachine({
  id: "order_approval",
  context: ({ input }) => ({
    ...input,
    reservationId: "",
    holdId: "",
    labelId: "",
    trackingCode: "",
    paymentId: "",
    approvedBy: null,
    problem: null,
  }),
  initial: "reserving",
  states: {
    reserving: {
      description: "Set the goods aside.",
      invoke: {
        id: "reserve",
        src: "reserveStock",
        input: ({ context: { orderId, lines } }) => ({ orderId, lines }),
        onDone: {
          target: "deciding",
          actions: assign({ reservationId: ({ event }) => event.output.reservationId }),
        },
        onError: {
          target: "declined",
          actions: { type: "keepProblem", params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
    deciding: {
      always: [{ guard: "needsApproval", target: "approval" }, { target: "fulfilment" }],
    },
    approval: {
      description: "The deadline counts for the clerk and the manager together.",
      initial: "open",
      after: {
        approvalDeadline: {
          target: "releasing",
          actions: assign({ problem: "Nobody decided in time." }),
        },
      },
      states: {
        open: {
          initial: "clerk",
          tags: "human",
          on: {
            APPROVE: {
              target: "#order_approval.fulfilment",
              actions: assign({ approvedBy: ({ event }) => event.by }),
            },
            REJECT: {
              target: "#order_approval.releasing",
              actions: assign({ problem: ({ event }) => `${event.by}: ${event.reason}` }),
            },
            ASK: "asking",
          },
          states: {
            clerk: { on: { ESCALATE: "manager" } },
            manager: {},
            whoever: { type: "history" },
          },
        },
        asking: {
          description: "The customer is asked; the answer goes back to whoever wanted to know.",
          tags: "human",
          on: { ANSWER: "open.whoever" },
        },
      },
    },
    fulfilment: {
      type: "parallel",
      onDone: "shipping",
      states: {
        payment: {
          initial: "holding",
          states: {
            holding: {
              invoke: {
                id: "hold",
                src: "holdFunds",
                input: ({ context: { orderId, card, amountCents } }) => ({
                  orderId,
                  card,
                  amountCents,
                }),
                onDone: {
                  target: "held",
                  actions: assign({ holdId: ({ event }) => event.output.holdId }),
                },
                onError: {
                  target: "#order_approval.releasing",
                  actions: { type: "keepProblem", params: ({ event }) => ({ error: event.error }) },
                },
              },
            },
            held: { type: "final" },
          },
        },
        parcel: {
          initial: "labelling",
          states: {
            labelling: {
              invoke: {
                id: "label",
                src: "printLabel",
                input: ({ context: { orderId, address } }) => ({ orderId, address }),
                onDone: {
                  target: "ready",
                  actions: assign({ labelId: ({ event }) => event.output.labelId }),
                },
                onError: {
                  target: "#order_approval.releasing",
                  actions: { type: "keepProblem", params: ({ event }) => ({ error: event.error }) },
                },
              },
            },
            ready: { type: "final" },
          },
        },
      },
    },
    shipping: {
      invoke: {
        id: "ship",
        src: "shipOrder",
        input: ({ context: { orderId, labelId } }) => ({ orderId, labelId }),
        onDone: {
          target: "charging",
          actions: assign({ trackingCode: ({ event }) => event.output.trackingCode }),
        },
        onError: {
          target: "releasing",
          actions: { type: "keepProblem", params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
    charging: {
      invoke: {
        id: "charge",
        src: "chargeCard",
        input: ({ context: { orderId, holdId } }) => ({ orderId, holdId }),
        onDone: {
          target: "paid",
          actions: assign({ paymentId: ({ event }) => event.output.paymentId }),
        },
        onError: {
          target: "unpaid",
          actions: { type: "keepProblem", params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
    releasing: {
      description: "Put the goods back.",
      invoke: {
        id: "release",
        src: "releaseStock",
        input: ({ context: { orderId, reservationId } }) => ({ orderId, reservationId }),
        onDone: "declined",
        onError: "declined",
      },
    },
    paid: { type: "final" },
    unpaid: { type: "final" },
    declined: { type: "final" },
  },
  output: ({ context: { orderId, trackingCode, paymentId, problem } }) => ({
    orderId,
    trackingCode,
    paymentId,
    problem,
  }),
});

export const orderApproval = blueprint("order_approval", {
  version: "1",
  apiVersion: "v1",
  endpoint: "/jobs/order_approval",
  input: Order,
  machine,
});
