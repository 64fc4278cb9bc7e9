// SCXML of machines: well-formed, with the states, transitions, timers and names of the machine.
import { SaxesParser, type SaxesTagPlain } from "saxes";
import { expect, test } from "vitest";
import { createActor, sendTo, stateIn } from "xstate";
import { importBlueprint } from "../../../../src/blueprint/interchange/import-machine.ts";
import { scxmlOf } from "../../../../src/blueprint/interchange/scxml.ts";
import { walk } from "../../../../src/blueprint/walk.ts";
import { machine, on, regions } from "../lint-machines.ts";
import { convertScxml } from "../../../support/scxml/convert.ts";
import { implementations, sample } from "./sample-document.ts";

/** The elements of a document in order. Throws where it is not well-formed. */
function elementsOf(xml: string): readonly SaxesTagPlain[] {
  const elements: SaxesTagPlain[] = [];
  const parser = new SaxesParser();
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", (tag) => void elements.push(tag));
  parser.write(xml).close();
  return elements;
}

const loan = importBlueprint(JSON.stringify(sample), implementations).machine;
const elements = elementsOf(scxmlOf(loan));
const found = (name: string, attributes: object) =>
  elements.filter(
    (one) =>
      one.name === name &&
      Object.entries(attributes).every(([key, value]) => one.attributes[key] === value),
  );

test("every state is there, once, under its id, and what ends the document", () => {
  const ids = elements.flatMap(({ name, attributes }) =>
    ["state", "parallel", "final", "history"].includes(name) ? [attributes["id"]] : [],
  );
  expect(ids).toEqual([...[...walk(loan)].map(({ id }) => id), "loan-done"]);
});

test("every target is a state", () => {
  const ids = new Set(elements.map(({ attributes }) => attributes["id"]));
  const targets = elements.flatMap(({ attributes }) => attributes["target"]?.split(" ") ?? []);
  expect(targets.length).toBeGreaterThan(10);
  expect(targets.filter((target) => !ids.has(target))).toEqual([]);
});

test.each([
  ["scxml", { initial: "loan", datamodel: "null", version: "1.0" }],
  ["state", { id: "loan.review", initial: "loan.review.open" }],
  ["invoke", { id: "score", src: "score" }],
  ["transition", { event: "done.invoke.score", target: "loan.deciding" }],
  ["transition", { event: "error.invoke.score", target: "loan.declined" }],
  ["transition", { event: "done.state.loan.paying", target: "loan.paid" }],
  ["transition", { cond: "(isGood && !isLarge)", target: "loan.paying" }],
  ["transition", { cond: 'scoreAbove({"points":10})', target: "loan.review" }],
  ["transition", { event: "ASK", type: "internal", target: "loan.review.asking" }],
  ["transition", { event: "after.week.loan.review", target: "loan.declined" }],
  ["send", { event: "after.week.loan.review", id: "after.week.loan.review", delayexpr: "week" }],
  ["send", { event: "REMIND", id: "remind", delayexpr: "day" }],
  ["cancel", { sendid: "remind" }],
  ["history", { id: "loan.review.open.past", type: "shallow" }],
  ["av:action", { name: "keepScore" }],
  ["av:action", { name: 'note({"what":"progress"})' }],
] as const)("%s %j", (name, attributes) => expect(found(name, attributes)).toHaveLength(1));

test("names that mean something to XML stay names", () => {
  const hostile = machine(
    on({ target: "b", actions: { type: '"><script>&', params: "\u0000]]>" } }),
  );
  const [action] = elementsOf(scxmlOf(hostile)).filter(({ name }) => name === "av:action");
  expect(action?.attributes["name"]).toContain('"><script>&');
});

test("states whose names XML takes for the same have ids of their own", () => {
  const alike = machine({
    initial: "a b",
    states: { "a b": { on: { GO: "a_b" } }, a_b: {} },
  });
  const all = elementsOf(scxmlOf(alike));
  const ids = all.flatMap(({ name, attributes }) =>
    ["state", "final"].includes(name) ? [attributes["id"]] : [],
  );
  expect(ids).toHaveLength(3);
  expect(new Set(ids).size).toBe(3);
  const [target] = all.flatMap(({ attributes }) => attributes["target"] ?? []);
  expect(target).toBe(ids.at(-1));
});

test("a machine that is done ends its document, which only a state directly in it does", () => {
  const brief = machine({
    initial: "a",
    on: { STOP: ".b" },
    states: { a: { on: { GO: "b" } }, b: { type: "final" }, "m-done": {} },
  });
  const document = scxmlOf(brief);
  const live = createActor(convertScxml(document, () => "")).start();
  live.send({ type: "GO" });
  expect(live.getSnapshot().status).toBe("done");
  expect(scxmlOf(machine(on("b")))).not.toContain("<final");
  expect(scxmlOf(machine({ type: "final" }))).toContain('<final id="m"/>\n</scxml>');
});

test.each([
  ["#m.one.a", 'In("m.one.a")'],
  ["one.a", 'In("m.one.a")'],
  [{ one: "a", two: {} }, 'In("m.one.a") && In("m.two")'],
  [{ one: "nowhere" }, 'In("nowhere")'],
])("stateIn(%j) asks for ids", (asked, cond) => {
  const asking = machine(regions({}, { on: { GO: { target: "c", guard: stateIn(asked) } } }));
  const [transition] = elementsOf(scxmlOf(asking)).filter(
    ({ attributes }) => attributes["event"] === "GO",
  );
  expect(transition?.attributes["cond"]).toBe(cond);
});

test("an event for an actor that code chooses is not one for the machine itself", () => {
  const sending = machine(
    on({ actions: sendTo(({ context }) => context["ref"] as never, { type: "X" } as never) }),
  );
  const [send] = elementsOf(scxmlOf(sending)).filter(({ name }) => name === "send");
  expect(send?.attributes).toEqual({ event: "X", targetexpr: "(made)" });
});

test("the history of regions leads into each of them before there is any", () => {
  const remembering = machine({
    initial: "p",
    states: {
      p: { type: "parallel", states: { one: {}, two: {}, past: { type: "history" } } },
      out: { on: { BACK: "p.past" } },
    },
  });
  const all = elementsOf(scxmlOf(remembering));
  const at = all.findIndex(({ name }) => name === "history");
  expect(all[at + 1]?.attributes["target"]).toBe("m.p.one m.p.two");
});
