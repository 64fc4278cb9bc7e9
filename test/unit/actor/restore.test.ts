// What a job finds again after it has been nothing but text.
import { assign, sendTo } from "xstate";
import { expect, test } from "vitest";
import { ActorJob, machineOf } from "../../support/actor-job.ts";

test.each(["shallow", "deep"] as const)("a %s history remembers across a restore", (history) => {
  const job = new ActorJob(
    machineOf({
      id: "my.machine",
      initial: "work",
      on: { PAUSE: ".paused", RESUME: ".work.again" },
      states: {
        work: {
          initial: "a",
          states: {
            a: { on: { NEXT: "b" } },
            b: { id: "with.dots", initial: "x", states: { x: { on: { NEXT: "y" } }, y: {} } },
            again: { type: "history", history },
          },
        },
        paused: {},
      },
    }),
  );
  for (const type of ["NEXT", "NEXT", "PAUSE", "RESUME"]) job.send(type);
  expect(job.envelope.value).toEqual({ work: { b: history === "deep" ? "y" : "x" } });
});

test("a job's reference to itself and to its children in a context still lead there", () => {
  interface Refs {
    readonly context: { readonly me: never; readonly kids: readonly never[] };
  }
  interface Factory {
    readonly self: unknown;
    readonly spawn: (src: string, options: object) => unknown;
  }
  const hello = { type: "HELLO" } as never;
  const job = new ActorJob(
    machineOf({
      context: ({ self, spawn }: Factory) => ({ me: self, kids: [spawn("task", { id: "kid" })] }),
      on: {
        E: {
          actions: [
            sendTo(({ context }: Refs) => context.me, hello),
            sendTo(({ context }: Refs) => context.kids[0]!, hello),
          ],
        },
      },
    }),
  );
  job.send("E");
  expect(job.effects).toMatchObject([
    { target: { kind: "self" } },
    { target: { kind: "child", child: "kid", generation: job.generation("kid") } },
  ]);
});

test("system.get finds a running child by its system id", () => {
  const job = new ActorJob(
    machineOf({
      invoke: { id: "k", src: "task", systemId: "printer" },
      on: {
        E: {
          actions: sendTo(({ system }) => system.get("printer") as never, { type: "P" } as never),
        },
      },
    }),
  );
  job.send("E");
  expect(job.effects).toMatchObject([{ type: "send", target: { kind: "child", child: "k" } }]);
});

test("an action that looks at its own job sees it as it was before the step", () => {
  const job = new ActorJob(
    machineOf({
      context: {},
      initial: "a",
      states: { a: {} },
      on: {
        E: {
          actions: assign({
            was: ({ self }: { self: { getSnapshot(): { value: unknown } } }) =>
              self.getSnapshot().value,
          }),
        },
      },
    }),
  );
  job.send("E");
  expect(job.context).toEqual({ was: "a" });
});
