// Machines as JSON: out and in again they are the same; what is no machine, or names what is not there, is refused by its path.
import { describe, expect, test } from "vitest";
import { and, assign, setup } from "xstate";
import { blueprint } from "../../../../src/blueprint/blueprint.ts";
import {
  documentCharsMax,
  readDocument,
  type BlueprintDocument,
} from "../../../../src/blueprint/interchange/document.ts";
import { exportBlueprint } from "../../../../src/blueprint/interchange/export-machine.ts";
import {
  importBlueprint,
  type Implementations,
} from "../../../../src/blueprint/interchange/import-machine.ts";
import { scxmlOf } from "../../../../src/blueprint/interchange/scxml.ts";
import { chart } from "../../../../src/blueprint/chart.ts";
import { flow } from "../../../../src/blueprint/flow.ts";
import { lint } from "../../../../src/blueprint/lint.ts";
import { findPaths, openTestWorld, replayJobs } from "../../../../src/testing/index.ts";
import { implementations, sample } from "./sample-document.ts";

const text = JSON.stringify(sample);
const imported = () => importBlueprint(text, implementations);
const again = () => importBlueprint(JSON.stringify(exportBlueprint(imported())), implementations);

interface Problem {
  readonly path: string;
  readonly message: string;
}
/** The refusal of a document that differs from the sample. */
function refusal(change: (document: Record<string, unknown>) => unknown, given = implementations) {
  const document = JSON.parse(text) as Record<string, unknown>;
  const changed = change(document) ?? document;
  const written = typeof changed === "string" ? changed : JSON.stringify(changed);
  try {
    importBlueprint(written, given);
  } catch (error) {
    return error as {
      readonly code: string;
      readonly message: string;
      readonly details: { problems?: Problem[]; missing?: unknown[] };
    };
  }
  return undefined;
}
const machineOf = (document: Record<string, unknown>) =>
  document["machine"] as { states: Record<string, Record<string, unknown>> } & Record<
    string,
    unknown
  >;

describe("a document", () => {
  test("becomes a blueprint that the linter has nothing against", () => {
    const { name, version, endpoint, machine, style } = imported();
    expect({ name, version, endpoint }).toEqual({
      name: "loan",
      version: "3",
      endpoint: "/jobs/loan",
    });
    const found = lint(machine, { style }).filter(({ severity }) => severity !== "info");
    expect(found).toEqual([]);
  });

  test("is the same after export and import: word for word, and in shape", () => {
    expect(exportBlueprint(imported())).toEqual(sample);
    expect(again().fingerprint.shape).toBe(imported().fingerprint.shape);
  });

  test("says of the blueprint what its machine does not", () => {
    const document = { ...sample, retentionMs: 60_000, defer: ["PAY"], deferMax: 5 };
    const made = importBlueprint(JSON.stringify(document), implementations);
    expect(made).toMatchObject({ retentionMs: 60_000, defer: { events: ["PAY"], max: 5 } });
    expect(exportBlueprint(made)).toEqual(document);
  });

  test("may have a history that leads to several regions", () => {
    const region = { initial: "one", states: { one: {}, two: {} } };
    const past = { type: "history", history: "deep", target: ["left.two", "#right.two"] };
    const states = { left: region, right: { id: "right", ...region }, past };
    const document = {
      name: "regions",
      version: "1",
      machine: {
        id: "regions",
        initial: "a",
        states: { a: { on: { GO: "b.past" } }, b: { type: "parallel", states } },
      },
    };
    const made = importBlueprint(JSON.stringify(document));
    expect(exportBlueprint(made)).toEqual(document);
    const unreachable = lint(made.machine, made).filter(({ code }) => /unreachable/.test(code));
    expect(unreachable).toEqual([]);
    expect(scxmlOf(made.machine)).toContain(
      '<transition target="regions.b.left.two regions.b.right.two"/>',
    );
    const defaults = chart(made.machine).edges.filter(({ kind }) => kind === "history");
    expect(defaults.map(({ target }) => target)).toEqual([
      "regions.b.left.two",
      "regions.b.right.two",
    ]);
  });

  test("is held to the same rules where a program has parsed it", () => {
    const hostile = JSON.parse(text.replace('"scoring":', '"__proto__":')) as BlueprintDocument;
    expect(() => importBlueprint(hostile, implementations)).toThrow(
      /"__proto__" is not allowed\.$/,
    );
  });

  test("behaves the same after export and import, on every path", async () => {
    const first = await findPaths(imported());
    first.assertComplete();
    const second = await findPaths(again());
    const walks = (paths: typeof first) => paths.paths.map(({ title, endsIn }) => [title, endsIn]);
    expect(walks(second)).toEqual(walks(first));
    for (const path of first.paths) {
      const { job, world } = await path.run();
      const [report] = await replayJobs([job.record], again(), { before: imported() });
      expect(report?.difference, path.title).toBeUndefined();
      await world.close();
    }
  });

  test("may be a bare machine, with a context in place that no job shares", async () => {
    const bare = {
      id: "counter",
      version: "7",
      types: {},
      context: { list: [] },
      initial: "on",
      states: { on: { on: { ADD: { actions: "add" }, END: "off" } }, off: { type: "final" } },
    };
    const add = assign(({ context }: { context: { list: number[] } }) => ({
      list: [...context.list, 1],
    }));
    const one = importBlueprint(JSON.stringify(bare), { actions: { add } });
    expect([one.name, one.version]).toEqual(["counter", "7"]);
    const world = await openTestWorld(one);
    const first = await world.start(undefined);
    await first.send({ type: "ADD" });
    expect(first.context).toEqual({ list: [1] });
    expect((await world.start(undefined)).context).toEqual({ list: [] });
    await world.close();
    expect(exportBlueprint(one).machine.context).toEqual({ list: [] });
  });
});

describe("a document is refused", () => {
  test.each([
    ["that is no JSON", () => "{", "", /not JSON/],
    ["that is too large", () => `"${"x".repeat(documentCharsMax)}"`, "", /characters/],
    ["that is too deep", () => "[".repeat(70) + "]".repeat(70), "", /nests deeper/],
    [
      "that reaches for a prototype",
      () => text.replace('"scoring":', '"__proto__":'),
      "",
      /__proto__/,
    ],
    [
      "that has a state named constructor",
      () => text.replace('"paid":', '"constructor":'),
      "",
      /constructor/,
    ],
    [
      "without a name",
      (d: Record<string, unknown>) => ({ ...d, name: undefined }),
      "name",
      /expected string/,
    ],
    [
      "with a member that no machine has",
      (d: Record<string, unknown>): void =>
        void (machineOf(d).states["paid"]!["script"] = "alert(1)"),
      "machine.states.paid",
      /script/,
    ],
    [
      "with an action of XState that it can't say",
      (d: Record<string, unknown>): void =>
        void (machineOf(d).states["paid"]!["entry"] = { type: "xstate.assign", assignment: {} }),
      "machine.states.paid.entry",
      /./,
    ],
    [
      "with a wrong member deep inside",
      (d: Record<string, unknown>): void =>
        void (machineOf(d).states["deciding"]!["always"] = [{ target: 5 }]),
      "machine.states.deciding.always.0.target",
      /expected/,
    ],
    [
      "with a target that is nowhere",
      (d: Record<string, unknown>): void =>
        void (machineOf(d).states["deciding"]!["always"] = "nowhere"),
      "machine",
      /nowhere/,
    ],
    [
      "with a target that every object has",
      (d: Record<string, unknown>): void =>
        void (machineOf(d).states["deciding"]!["always"] = "toString"),
      "machine",
      /no state/,
    ],
    [
      "with a guard that asks for a state which is nowhere",
      (d: Record<string, unknown>): void =>
        void (machineOf(d).states["deciding"]!["always"] = {
          guard: { type: "xstate.not", guards: [{ type: "xstate.stateIn", state: "#nowhere" }] },
        }),
      "machine",
      /asks for #nowhere, which is no state/,
    ],
    [
      "that begins nowhere",
      (d: Record<string, unknown>): void => void (machineOf(d)["initial"] = "nowhere"),
      "machine",
      /nowhere/,
    ],
    [
      "with a history that leads nowhere",
      (d: Record<string, unknown>): void =>
        void (machineOf(d).states["later"] = {
          initial: "one",
          states: { one: {}, past: { type: "history", target: ["one", "nowhere"] } },
        }),
      "machine",
      /nowhere/,
    ],
    [
      "with a `not` of two guards",
      (d: Record<string, unknown>): void =>
        void (machineOf(d).states["deciding"]!["always"] = {
          guard: { type: "xstate.not", guards: ["isLarge", "isGood"] },
          target: "paid",
        }),
      "machine.states.deciding.always.guard.guards",
      /one guard/,
    ],
  ] as const)("%s", (_, change, path, message) => {
    const refused = refusal(change as (d: Record<string, unknown>) => unknown);
    expect(refused).toMatchObject({ code: "interchange.invalid" });
    expect(refused!.details.problems!.map((one) => one.path)).toContainEqual(
      path === "machine.states.paid.entry" ? expect.stringContaining(path) : path,
    );
    expect(refused!.details.problems!.some((one) => message.test(one.message))).toBe(true);
  });

  test.each([
    ["actors", "score", "machine.states.scoring.invoke.src"],
    ["actions", "keepScore", "machine.states.scoring.invoke.onDone.actions"],
    ["actions", "note", "machine.states.scoring.invoke.onSnapshot.actions"],
    ["guards", "isLarge", "machine.states.deciding.always.0.guard.guards.1.guards.0"],
    ["guards", "scoreAbove", "machine.states.deciding.always.1.guard"],
    ["delays", "day", "machine.states.review.entry.delay"],
    ["delays", "week", "machine.states.review.after.week"],
    ["values", "begin", "machine.contextFrom"],
    ["values", "applicant", "machine.states.scoring.invoke.inputFrom"],
    ["values", "result", "machine.outputFrom"],
  ] as const)("that names %s which nobody implements: %s", (kind, name, path) => {
    const { [name]: _, ...rest } = implementations[kind] as Record<string, unknown>;
    const given = { ...implementations, [kind]: rest } as Implementations;
    const refused = refusal(() => undefined, given);
    expect(refused).toMatchObject({ code: "interchange.unregistered" });
    expect(refused!.details.missing).toContainEqual({ kind, name, path });
    expect(refused!.message).toContain(`${path}: ${kind} has no "${name}"`);
  });

  test.each(["5", "1e3"])(
    "that delays an action by the name %j which nobody implements",
    (delay) => {
      const entry = { type: "xstate.raise", event: { type: "REMIND" }, delay };
      const change = (document: Record<string, unknown>) => {
        machineOf(document).states["review"]!["entry"] = entry;
      };
      expect(refusal(change)?.details.missing).toEqual([
        { kind: "delays", name: delay, path: "machine.states.review.entry.delay" },
      ]);
      const delays = { ...implementations.delays, [delay]: 5 };
      expect(refusal(change, { ...implementations, delays })).toBeUndefined();
    },
  );

  test.each([
    ["5", 5],
    ["1.5", 1.5],
    ["1e3", 1000],
  ])("none of whose `after` is a number: %j", (delay, ms) => {
    const states = { waiting: { after: { [delay]: "over" } }, over: { type: "final" } };
    const machine = { id: "waits", initial: "waiting", states };
    const made = importBlueprint(JSON.stringify({ name: "waits", version: "1", machine }));
    expect(made.machine.states["waiting"]?.after.map((one) => one.delay)).toEqual([ms]);
  });

  test("that names what every object has", () => {
    const refused = refusal((document) => {
      machineOf(document).states["deciding"]!["always"] = { guard: "toString", target: "paid" };
    });
    expect(refused).toMatchObject({
      code: "interchange.unregistered",
      details: { missing: [{ kind: "guards", name: "toString" }] },
    });
  });

  test("before anything in it could run", () => {
    const hostile = JSON.parse(text) as Record<string, unknown>;
    machineOf(hostile).states["deciding"]!["always"] = {
      guard: "(() => { throw new Error('it ran') })()",
      target: "paid",
    };
    expect(() => importBlueprint(JSON.stringify(hostile), implementations)).toThrow(
      expect.objectContaining({ code: "interchange.unregistered" }) as Error,
    );
    expect(readDocument(JSON.stringify(hostile)).name).toBe("loan");
  });
});

describe("an export", () => {
  const make = (config: object) =>
    blueprint("m", {
      version: "1",
      machine: setup({
        guards: { a: () => true },
        actions: { n: () => {} },
      } as never).createMachine({
        id: "m",
        ...config,
      } as never) as never,
    });

  test("lists every function that has no name", () => {
    const inline = make({
      context: () => ({}),
      initial: "a",
      states: {
        a: {
          entry: ["n", () => {}],
          on: {
            GO: [{ guard: () => true, actions: assign({}) }, { guard: and(["a", () => true]) }],
          },
          invoke: { id: "w", src: "w", input: () => 1 },
        },
      },
    });
    expect(() => exportBlueprint(inline)).toThrow(
      expect.objectContaining({
        code: "interchange.not_exportable",
        details: {
          blueprint: "m",
          problems: [
            "machine.context",
            "machine.states.a.entry.1",
            "machine.states.a.on.GO.0.guard",
            "machine.states.a.on.GO.0.actions",
            "machine.states.a.on.GO.1.guard.guards.1",
            "machine.states.a.invoke.input",
          ].map((path) => expect.objectContaining({ path }) as unknown),
        },
      }) as Error,
    );
  });

  test("names functions that it is given names for", () => {
    const input = () => 1;
    const native = make({ initial: "a", states: { a: { invoke: { id: "w", src: "w", input } } } });
    expect(exportBlueprint(native, { values: { one: input } }).machine.states).toEqual({
      a: { invoke: { id: "w", src: "w", inputFrom: "one" } },
    });
  });

  test("refuses a flow, whose context and code are no names", () => {
    const compiled = flow("f", { version: "1" })
      .state("start", { isStart: true, to: ["completed"] }, (ctx) =>
        ctx.actions.transitionTo("completed"),
      )
      .build();
    expect(() => exportBlueprint(compiled)).toThrow(/machine\.context: a function in place/);
  });
});
