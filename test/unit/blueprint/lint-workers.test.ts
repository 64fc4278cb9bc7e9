// Tasks that no connected worker does, and findings that a program can show.
import { expect, test } from "vitest";
import { spawnChild } from "xstate";
import { flow } from "../../../src/blueprint/flow.ts";
import { lint } from "../../../src/blueprint/lint.ts";
import { unofferedTasks } from "../../../src/blueprint/lint/worker-rules.ts";
import { lineOfState } from "../../../src/cli/source-line.ts";
import { invoking, machine, on } from "./lint-machines.ts";

const placesOf = (one: ReturnType<typeof machine>, ...offered: readonly string[]) =>
  unofferedTasks(one, new Set(offered)).map(({ code, where }) => [code, where]);

test("a task is named where no worker offers its type, and only then", () => {
  const invoked = machine(invoking({ src: "work" }));
  expect(placesOf(invoked)).toEqual([["lint.no_worker", "m.a task work"]]);
  expect(placesOf(invoked, "work")).toEqual([]);
  expect(placesOf(machine(invoking({ src: "promise" })))).toEqual([]);
  const spawned = machine(on({ actions: spawnChild("work", { id: "w" }) }));
  expect(placesOf(spawned, "other")).toEqual([["lint.no_worker", "m.a task work"]]);
});

test("tasks of a flow are those that its handlers name", () => {
  const parcel = flow("parcel", { version: "1" }).state(
    "start",
    { isStart: true, to: ["completed"] },
    (ctx) => ctx.actions.dispatchTask({ type: "ship", transitions: { success: "completed" } }),
  );
  const one = parcel.build().machine;
  expect(placesOf(one)).toEqual([["lint.no_worker", "parcel.start task ship"]]);
  expect(placesOf(one, "ship")).toEqual([]);
});

test("a finding says in which state it is, as jobs say where they are", () => {
  const nested = machine({ initial: "p", states: { p: { initial: "x", states: { x: {} } } } });
  expect(lint(nested, { style: "native" })).toContainEqual(
    expect.objectContaining({ code: "lint.dead_end", where: "m.p.x", state: "p.x" }),
  );
});

test("the line of a state is that of its name after those around it", () => {
  const text = [
    "const done = 1;",
    "createMachine({",
    "  states: {",
    '    "open": { on: { done: "paid" },',
    "      states: { done: {} } },",
    "    paid: { states: {",
    "      done: {} } } })",
    'orders.state("late", {}, handler)',
  ].join("\n");
  expect(lineOfState(text, "")).toBe(1);
  expect(lineOfState(text, "paid")).toBe(6);
  expect(lineOfState(text, "paid.done")).toBe(7);
  expect(lineOfState(text, "late")).toBe(8);
  expect(lineOfState(text, "paid.nowhere")).toBe(6);
});
