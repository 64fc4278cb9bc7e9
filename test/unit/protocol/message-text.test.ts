// What moved a job is told in a few words, whatever the message: by the command line and the console alike.
import { expect, test } from "vitest";
import type { Message } from "../../../src/actor/effect.ts";
import { messageText, messageTypes } from "../../../src/protocol/message-text.ts";

type Type = Message["type"];

const child = { child: "pay", generation: "j:e.1.0" };
const error = { code: "X", message: "x" };
const began = { takenAt: 0, started: {}, envelope: "{}" };
const moment = { jobId: "j", revision: 2 };
/** One of each message that there is: the compiler asks for those that are missing. */
const samples: { readonly [Each in Type]: readonly [Extract<Message, { type: Each }>, string] } = {
  start: [{ type: "start", input: {} }, "start"],
  event: [{ type: "event", event: { type: "GO" } }, "GO"],
  deferred: [{ type: "deferred", index: 0 }, "a kept event is offered again"],
  done: [{ type: "done", ...child, output: 1 }, "pay done"],
  failed: [{ type: "failed", ...child, error }, "pay failed (X)"],
  part: [{ type: "part", ...child, part: 3, result: 1 }, "pay part 3"],
  progress: [{ type: "progress", ...child, progress: 0.5 }, "pay progress"],
  timer: [{ type: "timer", timer: "late", generation: "j:e.1.1" }, "timer late"],
  restart: [
    { type: "restart", from: moment, ...began, by: "ann" },
    "restart of j from revision 2, by ann",
  ],
  restarted: [{ type: "restarted", as: "k", revision: 2, by: "ann" }, "restarted as k, by ann"],
  migrate: [
    {
      type: "migrate",
      from: { version: "1", shape: "s" },
      envelope: "{}",
      keeps: [],
      begins: [],
      by: "ann",
    },
    "migrate from version 1, by ann",
  ],
  redrive: [
    {
      type: "redrive",
      failed: 4,
      envelope: "{}",
      failedAt: 0,
      inputs: {},
      edited: "pay",
      by: "ann",
    },
    "driven again after revision 4, with other params for pay, by ann",
  ],
  rejoined: [{ type: "rejoined", ...child, taken: 2 }, "pay is heard again"],
  rewound: [{ type: "rewound", lost: 7 }, "the store has lost what came up to revision 7"],
  stop: [{ type: "stop", reason: "enough" }, "stop (enough)"],
};

test.each(Object.values(samples))("%j", (message, text) => expect(messageText(message)).toBe(text));

test("there are texts for the messages that there are, and for no others", () => {
  const types: readonly Type[] = messageTypes;
  expect(types.toSorted()).toEqual(Object.keys(samples).toSorted());
});

test.each([
  [{ type: "done", ...child, output: 1, status: "odd" }, "pay odd"],
  [{ type: "redrive", failed: 4 }, "driven again after revision 4"],
  [
    { type: "timer", timer: "xstate.after.patience.order.open" },
    "timer after patience in order.open",
  ],
  [{ type: "timer", timer: "xstate.after.5000.order" }, "timer after 5000 ms in order"],
  [{ type: "of another release" }, "of another release"],
  [{ type: "event" }, "?"],
])("%j", (message, text) => expect(messageText(message)).toBe(text));
