// The private copy of a machine that the kernel steps.
import { expect, test } from "vitest";
import { prepare } from "../../../src/actor/prepared-machine.ts";
import { machineOf } from "../../support/actor-job.ts";

test("the machine itself is left alone", () => {
  const machine = machineOf({ context: { n: 0 }, options: { maxIterations: 5000 } });
  const { machine: copy } = prepare(machine, "E");
  expect([machine.options.maxIterations, copy.options.maxIterations]).toEqual([5000, 1000]);
  expect(machine.config.context).toEqual({ n: 0 });
});

test("a machine with a wildcard is copied anew before event types fill its memory", () => {
  const machine = machineOf({ on: { "*": { actions: "note" } } });
  const first = prepare(machine, "E");
  for (let n = 0; n < 900; n++) expect(prepare(machine, `E${n}`)).toBe(first);
  for (let n = 900; n < 1100; n++) prepare(machine, `E${n}`);
  expect(prepare(machine, "E")).not.toBe(first);
});

test("event types that nothing listens to take no memory", () => {
  const machine = machineOf({ on: { E: {}, "a.b.*": {} } });
  const first = prepare(machine, "E");
  for (let n = 0; n < 2000; n++) expect(prepare(machine, `other${n}`)).toBe(first);
});

test.each([
  ["E", true],
  ["a.b", true],
  ["a.b.c", true],
  ["a.bc", false],
  ["a", false],
  ["EE", false],
])("an event of type %s can move the machine: %s", (type, reacts) => {
  const machine = machineOf({ on: { E: {}, "a.b.*": {} } });
  expect(prepare(machine, type).reacts(type)).toBe(reacts);
});
