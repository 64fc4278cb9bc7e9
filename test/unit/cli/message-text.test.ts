// What moved a job is told in a few words, whatever the message.
import { expect, test } from "vitest";
import { historyTable } from "../../../src/cli/jobs-history.ts";
import { messageText } from "../../../src/cli/message-text.ts";

const child = { child: "pay", generation: "j:e.1.0" };
test.each([
  [{ type: "start", input: {} }, "start"],
  [{ type: "event", event: { type: "GO" } }, "GO"],
  [{ type: "done", ...child, output: 1 }, "pay done"],
  [{ type: "done", ...child, output: 1, status: "odd" }, "pay odd"],
  [{ type: "failed", ...child, error: { code: "X", message: "x" } }, "pay failed (X)"],
  [{ type: "part", ...child, part: 3 }, "pay part 3"],
  [{ type: "progress", ...child }, "pay progress"],
  [{ type: "timer", timer: "late" }, "timer late"],
  [
    { type: "timer", timer: "xstate.after.patience.order.open" },
    "timer after patience in order.open",
  ],
  [{ type: "timer", timer: "xstate.after.5000.order" }, "timer after 5000 ms in order"],
  [{ type: "stop", reason: "enough" }, "stop (enough)"],
  [
    { type: "restart", from: { jobId: "j", revision: 2 }, by: "ann" },
    "restart of j from revision 2, by ann",
  ],
  [{ type: "restarted", as: "k", by: "ann" }, "restarted as k, by ann"],
  [{ type: "migrate", from: { version: "1" }, by: "ann" }, "migrate from version 1, by ann"],
  [{ type: "redrive", failed: 4 }, "driven again after revision 4"],
  [{ type: "rewound", lost: 7 }, "the store has lost what came up to revision 7"],
  [{ type: "of another release" }, "of another release"],
  [{ type: "event" }, "?"],
])("%j", (message, text) => expect(messageText(message)).toBe(text));

test("the table of a history has a line for each revision: from where to where, and what it started", () => {
  const step = { timestamp: "2026-01-01T00:00:00.000Z", status: "waiting_for_worker" } as const;
  const started = [{ child: "pay", kind: "task", name: "charge" } as const];
  const text = historyTable([
    { ...step, revision: 1, message: { type: "start" }, previous_state: "", current_state: "a" },
    {
      ...step,
      revision: 2,
      message: { type: "event", event: { type: "GO" } },
      previous_state: "a",
      current_state: "b",
      started,
    },
  ]);
  const lines = text.split("\n");
  expect(lines).toHaveLength(3);
  expect(lines[2]).toMatch(/^2 .* GO +a → b .* task charge as pay$/);
});
