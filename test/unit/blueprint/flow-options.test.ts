// Options that an action or a task does not know are refused with their name, and with what was meant.
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { ChosenAction } from "../../../src/blueprint/flow-actions.ts";
import { task } from "../../../src/blueprint/task.ts";

/** As a handler sees the actions that no compiler has looked at. */
interface Untyped {
  dispatchTask(options: object): void;
  dispatchParallel(options: object): void;
  runBlueprint(options: object): void;
  awaitHumanApproval(options: object): void;
}

const untypedActions = (): Untyped =>
  new ChosenAction(
    { name: "start", targets: ["next"], events: [], isEnd: false, tasks: new Map() },
    {},
  );

const transitions = { success: "next" };
const refused: readonly [keyof Untyped, Record<string, unknown>, string][] = [
  ["dispatchTask", { timeout_seconds: 5 }, "`totalTimeoutMs`, in milliseconds is meant"],
  ["dispatchTask", { timeoutMs: 5 }, "`totalTimeoutMs` is meant"],
  ["dispatchTask", { dispatchStrategy: "cheapest" }, "`strategy` is meant"],
  ["dispatchTask", { dispatch_strategy: "cheapest" }, "`strategy` is meant"],
  ["dispatchTask", { event_transitions: {} }, "`eventTransitions` is meant"],
  ["dispatchTask", { max_cost: 1 }, "`maxCost` is meant"],
  ["dispatchTask", { resource_requirements: {} }, "`requirements` is meant"],
  ["dispatchTask", { resultTimeoutSeconds: 1 }, "`runTimeoutMs`, in milliseconds is meant"],
  ["dispatchTask", { dispatch_timeout_seconds: 1 }, "`queueTimeoutMs`, in milliseconds is meant"],
  ["dispatchTask", { skill_version: "2" }, "`requirements` is meant"],
  ["dispatchTask", { priorty: 1 }, "`priority` is meant"],
  [
    "dispatchTask",
    { colour: "red" },
    "there are transitions, eventTransitions, type, params, priority",
  ],
  ["runBlueprint", { blueprint_name: "x" }, "`blueprint` is meant"],
  ["runBlueprint", { initial_data: {} }, "`initialData` is meant"],
  ["runBlueprint", { totalTimeoutMs: 5 }, "`timeoutMs` is meant"],
  ["awaitHumanApproval", { timeout_seconds: 5 }, "`timeoutMs`, in milliseconds is meant"],
  ["dispatchParallel", { aggregate_into: "next" }, "`aggregateInto` is meant"],
];
const complete: Readonly<Record<keyof Untyped, Record<string, unknown>>> = {
  dispatchTask: { type: "work", transitions },
  dispatchParallel: { tasks: [{ type: "work" }], aggregateInto: "next" },
  runBlueprint: { blueprint: "other", transitions },
  awaitHumanApproval: { transitions },
};

describe("an action", () => {
  test.each(refused)("%s refuses %j", (action, option, meant) => {
    const [name = ""] = Object.keys(option);
    const act = () => untypedActions()[action]({ ...complete[action], ...option });
    expect(act).toThrow(expect.objectContaining({ code: "handler.invalid_action" }));
    expect(act).toThrow(`has no option \`${name}\`; `);
    expect(act).toThrow(meant);
  });

  test("refuses what one of several tasks does not know", () => {
    const tasks = [{ type: "work" }, { type: "work", timeout_seconds: 5 }];
    const act = () => untypedActions().dispatchParallel({ tasks, aggregateInto: "next" });
    expect(act).toThrow("has no option `timeout_seconds`; `totalTimeoutMs`, in milliseconds");
  });

  test("refuses what a retry or a limit does not know", () => {
    const retry = () =>
      untypedActions().dispatchTask({ type: "work", transitions, retry: { max_attempts: 2 } });
    expect(retry).toThrow(
      "dispatchTask: retry has no option `max_attempts`; `maxAttempts` is meant",
    );
    const limit = () =>
      untypedActions().dispatchTask({ type: "work", transitions, limit: { key: "a", max: 2 } });
    expect(limit).toThrow("dispatchTask: limit has no option `max`");
  });

  test.each<[Record<string, unknown>, string]>([
    [{ priority: "high" }, "priority"],
    [{ retry: null }, "retry"],
    [{ retry: { maxAttempts: 0 } }, "retry.maxAttempts"],
    [{ retry: { initialMs: "5" } }, "initialMs"],
    [{ retry: { factor: 0.5 } }, "factor"],
    [{ runTimeoutMs: 0 }, "runTimeoutMs"],
    [{ runTimeoutMs: "5" }, "runTimeoutMs"],
    [{ queueTimeoutMs: -1 }, "queueTimeoutMs"],
    [{ queueTimeoutMs: null }, "queueTimeoutMs"],
    [{ totalTimeoutMs: Number.NaN }, "totalTimeoutMs"],
    [{ strategy: "best" }, "strategy"],
    [{ requirements: null }, "requirements"],
    [{ maxCost: -1 }, "maxCost"],
    [{ slots: 0 }, "slots"],
    [{ limit: null }, "limit"],
    [{ limit: { key: "" } }, "limit.key"],
  ])("refuses the value of an option as the handler's fault: %j", (option, named) => {
    const single = () => untypedActions().dispatchTask({ type: "work", transitions, ...option });
    const parallel = () =>
      untypedActions().dispatchParallel({
        tasks: [{ type: "work", ...option }],
        aggregateInto: "next",
      });
    for (const act of [single, parallel]) {
      expect(act).toThrow(expect.objectContaining({ code: "handler.invalid_action" }));
      expect(act).toThrow(named);
    }
  });

  test("refuses options that are none", () => {
    for (const options of [undefined, null, 5])
      for (const action of Object.keys(complete) as (keyof Untyped)[])
        expect(() => untypedActions()[action](options as never)).toThrow(
          `${action} takes an object of options, not `,
        );
  });

  test("refuses a type that no task can have as the handler's fault", () => {
    for (const type of ["", "local:x", "a\nb"])
      expect(() => untypedActions().dispatchTask({ type, transitions })).toThrow(
        expect.objectContaining({ code: "handler.invalid_action" }),
      );
  });

  test.each(Object.keys(complete) as (keyof Untyped)[])("%s takes every option", (action) => {
    const options = {
      dispatchTask: {
        params: {},
        priority: 1,
        retry: { maxAttempts: 1, initialMs: 1, factor: 1, maxMs: 1 },
        runTimeoutMs: 1,
        queueTimeoutMs: 1,
        totalTimeoutMs: 1,
        strategy: "cheapest",
        requirements: { anything: 1 },
        maxCost: 1,
        slots: 1,
        limit: { key: "a", concurrency: 1, rate: { count: 1, perMs: 1 } },
      },
      dispatchParallel: {},
      runBlueprint: { version: "1", initialData: {}, timeoutMs: 1, parentClose: "await" },
      awaitHumanApproval: {
        integration: "mail",
        message: "?",
        timeoutMs: 1,
        transitions: { ok: "next", timeout: "next" },
      },
    }[action];
    expect(() => untypedActions()[action]({ ...complete[action], ...options })).not.toThrow();
  });
});

test("task() refuses an option that it does not know", () => {
  const options = { input: z.object({}), output: z.object({}), timeoutMs: 5 };
  expect(() => task("work", options)).toThrow(
    expect.objectContaining({
      code: "blueprint.invalid",
      message: 'Task "work" has no option `timeoutMs`; `totalTimeoutMs` is meant.',
    }),
  );
});
