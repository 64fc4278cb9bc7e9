// The W3C SCXML suite, each test as durable jobs and live: the configurations it expects, and equal traces.
import { describe, expect, test } from "vitest";
import { convertScxml } from "../support/scxml/convert.ts";
import { runDurably, runLive } from "../support/scxml/run.ts";
import { loadSuite, type ScxmlTest } from "../support/scxml/suite.ts";
import { NotConvertible } from "../support/scxml/values.ts";
import { w3c, wholeGroups } from "./enabled-in-xstate.ts";
import { exceptions } from "./exceptions.ts";

const suite = loadSuite();

if ("unavailable" in suite) {
  const { unavailable } = suite;
  if (process.env["CI"] === undefined) {
    process.stderr.write(`The SCXML suite does not run. ${unavailable}\n`);
    test.skip(`runs the SCXML suite: ${unavailable}`);
  } else {
    test("runs the SCXML suite", () => expect.fail(unavailable));
  }
} else {
  describe.each(suite)("$name", check);
  describe("the suite", () => checkLists(suite));
}

function check({ name, document, file, script }: ScxmlTest): void {
  const exception = exceptions[name];
  if (exception?.kind === "not_convertible") {
    test(`can't be converted: ${exception.reason}`, () => {
      expect(() => convertScxml(document, file)).toThrow(NotConvertible);
    });
    return;
  }
  test(exception === undefined ? "passes durably as it does live" : exception.reason, () => {
    const machine = convertScxml(document, file);
    const live = runLive(machine, script);
    const durable = runDurably(machine, script);
    expect(durable.trace.length).toBeGreaterThan(0);
    if (exception === undefined) {
      expect({ live: live.failure, durable: durable.failure }).toEqual({});
      expect(durable.trace).toEqual(live.trace);
      return;
    }
    expect(durable.failure, "it passes: take it off the list").toBeDefined();
    if (exception.kind === "kernel") {
      expect(live.failure).toBeUndefined();
    } else {
      expect(live.failure, "it passes: take it off the list").toBeDefined();
      expect(durable.trace).toEqual(live.trace);
    }
  });
}

function checkLists(tests: readonly ScxmlTest[]): void {
  const names = tests.map(({ name }) => name);
  const isEnabled = (name: string) =>
    w3c.includes(name) || wholeGroups.includes(name.slice(0, name.indexOf("/")));

  test("has 316 tests, and 298 of them pass", () => {
    expect(names).toHaveLength(316);
    expect(names.filter((name) => exceptions[name] === undefined)).toHaveLength(298);
  });
  test("makes no exception of the 169 that XState runs on itself", () => {
    const enabled = names.filter(isEnabled);
    expect(enabled).toHaveLength(169);
    expect(enabled.filter((name) => exceptions[name] !== undefined)).toEqual([]);
  });
  test("has every test that an exception is made of", () => {
    expect(names).toEqual(expect.arrayContaining(Object.keys(exceptions)));
  });
}
