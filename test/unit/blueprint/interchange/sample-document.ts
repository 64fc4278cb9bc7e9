// A machine as JSON that uses all that a document can say, with the code that it names.
import { assign, fromPromise } from "xstate";
import { z } from "zod";
import type { Implementations } from "../../../../src/blueprint/interchange/import-machine.ts";
import { task } from "../../../../src/blueprint/task.ts";

export const sample = {
  name: "loan",
  version: "3",
  endpoint: "/jobs/loan",
  machine: {
    id: "loan",
    initial: "scoring",
    contextFrom: "begin",
    states: {
      scoring: {
        description: "Ask the bureau.",
        invoke: {
          id: "score",
          src: "score",
          inputFrom: "applicant",
          onDone: { target: "deciding", actions: "keepScore" },
          onError: "declined",
          onSnapshot: { actions: { type: "note", params: { what: "progress" } } },
        },
      },
      deciding: {
        always: [
          {
            guard: {
              type: "xstate.and",
              guards: ["isGood", { type: "xstate.not", guards: ["isLarge"] }],
            },
            target: "paying",
          },
          { guard: { type: "scoreAbove", params: { points: 10 } }, target: "review" },
          { target: "declined" },
        ],
      },
      review: {
        tags: ["human"],
        initial: "open",
        entry: { type: "xstate.raise", event: { type: "REMIND" }, id: "remind", delay: "day" },
        exit: { type: "xstate.cancel", sendId: "remind" },
        on: {
          APPROVE: {
            target: "paying",
            actions: { type: "xstate.emit", event: { type: "approved" } },
          },
          REMIND: {
            actions: [{ type: "xstate.log", value: { why: "late" }, label: "reminded" }, "note"],
          },
          ASK: ".asking",
        },
        after: { week: "declined" },
        states: {
          open: {
            initial: "clerk",
            states: {
              clerk: { on: { ESCALATE: "manager" } },
              manager: {},
              past: { type: "history", target: "clerk" },
            },
          },
          asking: { on: { ANSWER: "open.past" } },
        },
      },
      paying: {
        type: "parallel",
        states: {
          money: {
            initial: "sending",
            states: {
              sending: {
                invoke: {
                  id: "pay",
                  src: "pay",
                  input: { currency: "EUR" },
                  onDone: "sent",
                  onError: "#loan.declined",
                },
              },
              sent: { type: "final" },
            },
          },
          letter: {
            initial: "writing",
            states: {
              writing: { always: "written", entry: "note" },
              written: { type: "final", output: { ok: true } },
            },
          },
        },
        onDone: "paid",
      },
      paid: { type: "final" },
      declined: { type: "final" },
    },
    outputFrom: "result",
  },
} as const;

const bounded = z.object({ points: z.int().min(0).max(100) });
interface Context {
  readonly name: string;
  readonly amount: number;
  readonly points: number;
}
interface Args {
  readonly context: Context;
  readonly event: { readonly output: { readonly points: number } };
  readonly input: { readonly name: string; readonly amount: number };
}

export const implementations: Implementations = {
  input: z.object({ name: z.string(), amount: z.int().positive() }),
  actors: {
    score: task("score", { input: z.object({ name: z.string() }), output: bounded }),
    pay: fromPromise(async () => ({})),
  },
  actions: {
    keepScore: assign({ points: ({ event }) => (event as unknown as Args["event"]).output.points }),
    note: () => {},
  },
  guards: {
    isGood: ({ context }: Args) => context.points > 50,
    isLarge: ({ context }: Args) => context.amount > 1000,
    scoreAbove: ({ context }: Args, { points }: { points: number }) => context.points > points,
  },
  delays: { day: 24 * 3600 * 1000, week: 7 * 24 * 3600 * 1000 },
  values: {
    begin: ({ input }: Args) => ({ ...input, points: 0 }),
    applicant: ({ context: { name } }: Args) => ({ name }),
    result: ({ context: { points } }: Args) => ({ points }),
  },
};
