// A job's history as people read it.
import { expect, test } from "vitest";
import { historyTable } from "../../../src/cli/jobs-history.ts";

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
