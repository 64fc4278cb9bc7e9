// The blueprints of the stored jobs in `test/fixtures/snapshots/`: they keep their shapes for as long as those are kept.
import { assign, fromPromise, raise, sendTo, setup, spawnChild, type ActorRefFrom } from "xstate";
import { z } from "zod";
import { blueprint } from "../../src/blueprint/blueprint.ts";
import { flow } from "../../src/blueprint/flow.ts";
import { job } from "../../src/blueprint/job.ts";
import { task } from "../../src/blueprint/task.ts";

const any = { input: z.unknown(), output: z.unknown() };
const work = task("work", any);

/** A task under a delay, with a context that holds what JSON cannot, and much of it where the input says so. */
const working = (version: string, state: string) =>
  blueprint("working", {
    version,
    machine: setup({
      types: {
        context: {} as { none: undefined; text: string; got?: unknown },
        input: {} as { length: number },
      },
      actors: { work },
      delays: { patience: 3_600_000 },
    }).createMachine({
      id: "working",
      context: ({ input }) => ({
        none: undefined,
        text: "x".repeat(input.length),
      }),
      initial: "at_it",
      states: {
        at_it: {
          initial: state,
          states: {
            [state]: {
              invoke: {
                id: "work",
                src: "work",
                input: { to: "do" },
                onDone: {
                  target: "#working.done",
                  actions: assign({ got: ({ event }) => event.output }),
                },
                onError: "#working.late",
              },
            },
          },
          after: { patience: "late" },
        },
        late: { type: "final" },
        done: { type: "final" },
      },
      output: ({ context }) => ({ got: context.got, none: context.none }),
    }),
    ...(version === "2" && {
      migrate: [{ from: "1", states: { "at_it.first": "at_it.second" } }],
    }),
  });
export const workingFirst = working("1", "first");
export const workingSecond = working("2", "second");

/** A child that tells its parent, is told by it through a reference, and ends. */
export const child = blueprint("snapshot_child", {
  version: "1",
  machine: setup({
    types: { events: {} as { type: "END" } },
    delays: { patience: 7_200_000 },
  }).createMachine({
    id: "snapshot_child",
    initial: "waiting",
    states: {
      waiting: { on: { END: "ended" }, after: { patience: "ended" } },
      ended: { type: "final" },
    },
    output: { is: "over" },
  }),
});
const childLogic = job(child);
export const parent = blueprint("snapshot_parent", {
  version: "1",
  machine: setup({
    types: {
      context: {} as { to: ActorRefFrom<typeof childLogic>; got?: unknown },
      events: {} as { type: "TELL" },
    },
    actors: { child: childLogic },
  }).createMachine({
    id: "snapshot_parent",
    context: ({ spawn }) => ({ to: spawn("child", { id: "child" }) }),
    initial: "waiting",
    states: {
      waiting: {
        on: {
          TELL: { actions: sendTo(({ context }) => context.to, { type: "END" }) },
          "xstate.done.actor.child": {
            target: "over",
            actions: assign({ got: ({ event }) => (event as { output?: unknown }).output }),
          },
        },
      },
      over: { type: "final" },
    },
    output: ({ context }) => context.got,
  }),
});

/** Regions, a remembered state, a delayed event, a spawned task, and events that are kept for later. */
export const regions = blueprint("regions", {
  version: "1",
  defer: ["LATER"],
  machine: setup({
    types: {
      events: {} as
        | { type: "GO" }
        | { type: "PAUSE" }
        | { type: "BACK" }
        | { type: "LATER" }
        | { type: "RING" },
    },
    actors: { work },
    delays: { snooze: 1_800_000 },
  }).createMachine({
    id: "regions",
    initial: "on",
    states: {
      on: {
        type: "parallel",
        on: { PAUSE: "paused" },
        states: {
          left: {
            initial: "one",
            states: {
              one: { on: { GO: "two" } },
              two: { on: { RING: "three" } },
              three: { type: "final" },
            },
          },
          right: {
            initial: "one",
            entry: [
              raise({ type: "RING" }, { id: "ring", delay: "snooze" }),
              spawnChild("work", { id: "aside", input: { aside: true } }),
            ],
            states: { one: { on: { LATER: "two" } }, two: { type: "final" } },
          },
          memory: { type: "history", history: "deep" },
        },
        onDone: "over",
      },
      paused: { on: { BACK: "on.memory" } },
      over: { type: "final" },
    },
  }),
});

/** Whether promises end; a job is stored while one runs. */
export const promises = { end: true };

/** A promise that the node runs. */
export const promised = blueprint("promised", {
  version: "1",
  machine: setup({
    actors: {
      later: fromPromise(() =>
        promises.end ? Promise.resolve("kept") : new Promise<string>(() => {}),
      ),
    },
  }).createMachine({
    id: "promised",
    initial: "waiting",
    states: {
      waiting: { on: { GO: "asking" } },
      asking: { invoke: { id: "later", src: "later", onDone: "kept", onError: "broken" } },
      kept: { type: "final" },
      broken: { type: "final" },
    },
  }),
});

/** A flow that does what its data say: a task, tasks at once, a person, another job. */
export const flowing = flow("flowing", { version: "1" })
  .state("start", { isStart: true, to: ["completed", "failed", "gathered"] }, (ctx) => {
    const transitions = { success: "completed", failure: "failed" } as const;
    const params = {};
    switch (ctx.initialData["what"]) {
      case "task":
        ctx.actions.dispatchTask({ type: "work", params, transitions });
        break;
      case "tasks":
        ctx.actions.dispatchParallel({
          tasks: [1, 2, 3].map((n) => ({ type: "work", params: { n } })),
          aggregateInto: "gathered",
        });
        break;
      case "person":
        ctx.actions.awaitHumanApproval({
          message: "May it?",
          transitions: { approved: "completed", rejected: "failed" },
        });
        break;
      default:
        ctx.actions.runBlueprint({ blueprint: "snapshot_child", transitions });
    }
  })
  .aggregatorFor("gathered", { to: ["completed"] }, (ctx) => {
    ctx.stateHistory["came"] = ctx.aggregationResults.map(({ status }) => status);
    ctx.actions.transitionTo("completed");
  })
  .build();

export const snapshotBlueprints = [
  workingFirst,
  workingSecond,
  child,
  parent,
  regions,
  promised,
  flowing,
];
