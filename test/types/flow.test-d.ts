// What the compiler accepts and refuses of handler-style flows; checked by `tsc`, never run.
import { dataStore, F, flow } from "avtomatika";
import { z } from "zod";

const typed = flow("typed", {
  version: "1",
  input: z.object({ url: z.string(), width: z.int().default(640) }),
  dataStores: { prices: new Map<string, number>() },
});

typed.state("start", { isStart: true, to: ["resized", "failed"] }, (ctx) => {
  const width: number = ctx.initialData.width;
  const price: number | undefined = ctx.dataStores.prices.get(ctx.initialData.url);
  ctx.actions.dispatchTask({
    type: "resize_image",
    params: { width, price },
    transitions: { success: "resized", failure: "failed" },
  });
});

typed.state("resized", { to: ["completed"] }, (ctx) => {
  // @ts-expect-error the input schema has no such member
  ctx.stateHistory["height"] = ctx.initialData.height;
  ctx.actions.transitionTo("completed");
});

typed.state("undeclared", { to: ["completed"] }, (ctx) => {
  // @ts-expect-error "failed" is not among the declared targets
  ctx.actions.transitionTo("failed");
});

typed.state("undeclared_outcome", { to: ["completed"] }, (ctx) =>
  ctx.actions.dispatchTask({
    type: "resize_image",
    // @ts-expect-error "failed" is not among the declared targets
    transitions: { success: "completed", failure: "failed" },
  }),
);

typed.state("nowhere", {}, (ctx) => {
  // @ts-expect-error no target is declared
  ctx.actions.transitionTo("completed");
});

typed.handlerFor("two_steps", { to: ["completed"] })((ctx) => {
  ctx.actions.transitionTo("completed");
});

typed.handlerFor("two_steps_undeclared", { to: ["completed"] })((ctx) => {
  // @ts-expect-error "start" is not among the declared targets
  ctx.actions.transitionTo("start");
});

const untyped = flow("untyped", { version: "1" });

untyped.state("start", { isStart: true, to: ["completed"] }, async (ctx) => {
  const anything: unknown = ctx.initialData["anything"];
  await Promise.resolve(anything);
  ctx.actions.transitionTo("completed");
});

const stores = flow("stores", {
  version: "1",
  input: z.object({ amount: z.number() }),
  dataStores: { prices: dataStore({ lamp: 5 }) },
});

stores.state(
  "route",
  {
    isStart: true,
    to: ["vip", "completed"],
    cases: [
      {
        when: (job) => job.initialData.amount > 100,
        handler: (ctx) => ctx.actions.transitionTo("vip"),
      },
      {
        when: F.initialData("amount").gt(100).and(F.stateHistory("seen").exists()),
        handler: (ctx) =>
          ctx.actions.awaitHumanApproval({ transitions: { yes: "vip", no: "completed" } }),
      },
      {
        when: "context.initial_data.amount > 100",
        handler: (ctx) => {
          // @ts-expect-error "failed" is not among the declared targets
          ctx.actions.transitionTo("failed");
        },
      },
      {
        // @ts-expect-error the input schema has no such member
        when: (job) => job.initialData.total > 100,
        handler: (ctx) => ctx.actions.transitionTo("vip"),
      },
      {
        // @ts-expect-error a condition in words begins with `context.`
        when: "initial_data.amount > 100",
        handler: (ctx) => ctx.actions.transitionTo("vip"),
      },
    ],
  },
  async (ctx) => {
    const price: number | undefined = await ctx.dataStores.prices.get("lamp");
    ctx.actions.updateContext({ price });
    ctx.actions.runBlueprint({ blueprint: "other", transitions: { success: "completed" } });
  },
);

stores.aggregatorFor("vip", { to: ["completed"] }, (ctx) => {
  const failed: number = ctx.aggregationResults.filter(({ error }) => error).length;
  ctx.stateHistory["failed"] = failed;
  ctx.actions.dispatchParallel({
    tasks: [{ type: "a" }],
    // @ts-expect-error "vip" is not among the declared targets
    aggregateInto: "vip",
  });
});

const slot = stores.handlerFor("slot", { to: ["completed"] });
slot.when("context.state_history.price > 3")((ctx) => ctx.actions.transitionTo("completed"));
// @ts-expect-error "route" is not among the declared targets
slot((ctx) => ctx.actions.transitionTo("route"));

stores.state("told", { to: ["completed"], events: ["PREVIEW"] }, (ctx) =>
  ctx.actions.dispatchTask({
    type: "work",
    transitions: { success: "completed" },
    // @ts-expect-error "route" is not among the declared targets
    eventTransitions: { PREVIEW: "route" },
  }),
);

const declared = flow("declared", { version: "1" })
  .event("PAY", z.object({ amount: z.number() }))
  .event("CLOSE", z.object({}))
  .state("start", { isStart: true, to: ["completed"], events: ["PAY"] }, (ctx) =>
    ctx.actions.transitionTo("completed"),
  )
  .build();
type DeclaredEvent = NonNullable<(typeof declared)["~types"]>["event"];
const pay: DeclaredEvent = { type: "PAY", amount: 5 };
// @ts-expect-error the schema says that the amount is a number
const unpaid: DeclaredEvent = { type: "PAY", amount: "5" };
// @ts-expect-error no such event is declared
const other: DeclaredEvent = { type: "OTHER" };
void [pay, unpaid, other];
