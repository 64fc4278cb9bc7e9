// The handler style: states with handlers that decide, as the Python system has them. It compiles to a machine.
import { z } from "zod";
import { RuntimeError } from "../errors.ts";
import type { EventObject } from "xstate";
import { makeBlueprint, type Blueprint, type BlueprintSettings } from "./blueprint.ts";
import { compileFlow, decides, type FlowState } from "./compile.ts";
import { conditionOf, type FlowCondition } from "./condition.ts";
import { isEventName, type DeclaredEvents } from "./declared-event.ts";
import type { FlowHandler, HandlerCase } from "./flow-handler.ts";
import type { FlowOutput } from "./job-data.ts";
import { taskDefinition, type TaskDefinition } from "./task.ts";

/** Where a handler of a flow without an input schema finds what its job was started with. */
export type InitialData = Readonly<Record<string, unknown>>;

/** A handler for the jobs that meet a condition. */
export interface FlowCase<Data, Stores, Target extends string> {
  readonly when: FlowCondition<Data>;
  readonly handler: FlowHandler<Data, Stores, Target>;
}

export interface StateOptions<Target extends string> {
  /** The job begins here. A state named `init` is the start where no other says so. */
  readonly isStart?: boolean;
  /** The job finishes here. States named `completed` and `failed` are end states by themselves. */
  readonly isEnd?: boolean;
  /** Every state that the handler may lead to: the arrows of the chart. */
  readonly to?: readonly Target[];
  /** Every event that `eventTransitions` of the handler's tasks name. */
  readonly events?: readonly string[];
}

export interface FlowDefinition<Input extends z.ZodType, Stores> extends BlueprintSettings {
  readonly version: string;
  /** What a job may be started with; any JSON object where absent. */
  readonly input?: Input;
  /**
   * Tasks that handlers dispatch by their types. What is declared here holds: params and the outputs of successes are
   * checked against the schemas, and options are taken where the handler gives none.
   */
  readonly tasks?: readonly { readonly [taskDefinition]: TaskDefinition }[];
  /**
   * Handed to every handler as `ctx.dataStores`, as they are: what `dataStore()` makes, a client of a database, any object. The
   * flow keeps none of them: what is to last has to be kept by the store itself, or in `stateHistory`.
   */
  readonly dataStores?: Stores;
  /**
   * How often a job may go from a state to the next, 1,000 where absent: one that goes in circles ends with
   * `flow.too_many_transitions`.
   */
  readonly maxTransitions?: number;
}

/**
 * Begin a blueprint in the handler style.
 *
 * A handler reads the job and its data stores, and names one action. It runs on an orchestrator node inside
 * the turn, before the commit: at least once, and also for a turn that loses to another one. So what has
 * effects on the outside world belongs in a task.
 *
 * @param name What clients call it.
 * @param definition The `version`; where wanted `endpoint`, `apiVersion`, `retentionMs`, `migrate`, an `input` schema, `tasks`,
 * `dataStores`, `maxTransitions`.
 */
export function flow<
  Input extends z.ZodType = z.ZodType<InitialData>,
  Stores = Readonly<Record<string, never>>,
>(
  name: string,
  definition: FlowDefinition<Input, Stores>,
): Flow<z.output<Input>, Stores, z.input<Input>> {
  return new Flow(name, definition);
}

const flowMark = Symbol.for("avtomatika.flow");

/** A state in the making: its handlers may be added one after the other. */
interface Draft {
  readonly name: string;
  isStart: boolean;
  isEnd: boolean;
  targets: readonly string[];
  events: readonly string[];
  handler: FlowHandler<never, never, never> | undefined;
  aggregator: FlowHandler<never, never, never> | undefined;
  cases: readonly HandlerCase[];
}

/** Takes the handlers of a state, one by one. */
export interface HandlerSlot<Data, Stores, Target extends string> {
  /** The handler for all jobs that meet no condition. */
  (handler: FlowHandler<Data, Stores, Target>): void;
  /** The handler for the jobs that meet the condition and none before it. */
  when(condition: FlowCondition<Data>): (handler: FlowHandler<Data, Stores, Target>) => void;
}

/** What a job of the flow takes: the events that it declares, or any where it declares none. */
type Taken<Declared extends EventObject> = [Declared] extends [never] ? EventObject : Declared;

/**
 * `Data` is what handlers find as `initialData`, `Given` what a job is started with, `Declared` the events that `event` has
 * declared.
 */
export class Flow<Data, Stores, Given = Data, Declared extends EventObject = never> {
  readonly [flowMark] = true;
  readonly name: string;
  readonly #definition: FlowDefinition<z.ZodType, Stores>;
  readonly #states = new Map<string, Draft>();
  readonly #events = new Map<string, z.ZodType>();

  constructor(name: string, definition: FlowDefinition<z.ZodType, Stores>) {
    this.name = name;
    this.#definition = definition;
  }

  /**
   * Add a state. Its handlers may lead only to the states in `to`; another target does not compile. Of its
   * `cases` the first whose condition holds decides; the handler decides where none does.
   *
   * @throws RuntimeError `blueprint.invalid` for a name that cannot be used or is taken, and for a condition that is none.
   */
  state<const Target extends string = never>(
    name: string,
    options: StateOptions<Target> & {
      readonly cases?: readonly FlowCase<Data, Stores, NoInfer<Target>>[];
    } = {},
    handler?: FlowHandler<Data, Stores, NoInfer<Target>>,
  ): this {
    const draft = this.#declare(name, options);
    draft.handler = handler;
    for (const { when, handler: then } of options.cases ?? []) this.#addCase(draft, when, then);
    return this;
  }

  /**
   * Add a state, and its handlers after it: `bp.handlerFor("start", { isStart: true, to: ["done"] })((ctx) => …)`, or
   * `const route = bp.handlerFor("route", …); route.when("context.initial_data.amount > 100")((ctx) => …); route((ctx) => …)`.
   *
   * @throws RuntimeError `blueprint.invalid` as `state` does, and for a second handler without a condition.
   */
  handlerFor<const Target extends string = never>(
    name: string,
    options: StateOptions<Target> = {},
  ): HandlerSlot<Data, Stores, NoInfer<Target>> {
    const draft = this.#declare(name, options);
    const take = (handler: FlowHandler<Data, Stores, NoInfer<Target>>): void => {
      if (draft.handler) this.#refuse(`the state "${name}" has two handlers without a condition`);
      draft.handler = handler;
    };
    const when: HandlerSlot<Data, Stores, NoInfer<Target>>["when"] = (condition) => (handler) =>
      this.#addCase(draft, condition, handler);
    return Object.assign(take, { when });
  }

  /**
   * Say what decides where `dispatchParallel` has aggregated its tasks into the state: the handler finds what each came to as
   * `ctx.aggregationResults`. The state may have been added before, with handlers for those who come another way; the
   * targets and events of both count for both.
   *
   * @throws RuntimeError `blueprint.invalid` as `state` does, and for a second aggregator.
   */
  aggregatorFor<const Target extends string = never>(
    name: string,
    options: Pick<StateOptions<Target>, "to" | "events">,
    aggregator: FlowHandler<Data, Stores, NoInfer<Target>>,
  ): this {
    const draft = this.#states.get(name) ?? this.#declare(name, {});
    if (draft.aggregator) this.#refuse(`the state "${name}" has two aggregators`);
    draft.targets = [...new Set([...draft.targets, ...(options.to ?? [])])];
    draft.events = [...new Set([...draft.events, ...(options.events ?? [])])];
    draft.aggregator = aggregator;
    return this;
  }

  /**
   * Declare what an event says. One that a client or a worker sends is refused unless it fits (`event.invalid`), and so
   * is `sendEvent` of a handler; what the schema gives is what the job takes. Those that no schema is declared for may say
   * anything.
   *
   * @param type 1 to 256 characters.
   * @param schema of what the event says besides its type: an object.
   * @returns the flow, which knows the type of the event.
   * @throws RuntimeError `blueprint.invalid` for a name that cannot be used or is taken, and for what is no schema.
   */
  event<const Type extends string, Schema extends z.ZodType<object>>(
    type: Type,
    schema: Schema,
  ): Flow<Data, Stores, Given, Declared | ({ readonly type: Type } & z.input<Schema>)> {
    if (!isEventName(type)) this.#refuse(`"${type}" is not a name for an event`);
    if (this.#events.has(type)) this.#refuse(`the event "${type}" is declared twice`);
    if (!(schema instanceof z.ZodType))
      this.#refuse(`the event "${type}" is declared without a zod schema`);
    this.#events.set(type, schema);
    return this as never;
  }

  #declare(name: string, options: StateOptions<string>): Draft {
    if (!/^[A-Za-z_][\w-]*$/.test(name))
      this.#refuse(`"${name}" is not a name for a state: use letters, digits, _ and -`);
    if (this.#states.has(name)) this.#refuse(`the state "${name}" is declared twice`);
    const draft: Draft = {
      name,
      isStart: options.isStart ?? false,
      isEnd: options.isEnd ?? endsByName(name),
      targets: [...new Set(options.to ?? [])],
      events: [...new Set(options.events ?? [])],
      handler: undefined,
      aggregator: undefined,
      cases: [],
    };
    this.#states.set(name, draft);
    return draft;
  }

  #addCase(
    draft: Draft,
    condition: FlowCondition<never>,
    handler: FlowHandler<never, never, never>,
  ): void {
    const when = conditionOf(condition, `Flow "${this.name}", state "${draft.name}"`);
    draft.cases = [...draft.cases, { when, handler }];
  }

  /**
   * The blueprint of the states so far.
   *
   * @throws RuntimeError `blueprint.invalid` that says what is missing.
   */
  build(): Blueprint<Given, FlowOutput, Taken<Declared>> {
    const { version, tasks = [], dataStores = {}, maxTransitions = 1000 } = this.#definition;
    const { endpoint, apiVersion, retentionMs, migrate } = this.#definition;
    const settings = {
      ...(endpoint !== undefined && { endpoint }),
      ...(apiVersion !== undefined && { apiVersion }),
      ...(retentionMs !== undefined && { retentionMs }),
      ...(migrate && { migrate }),
    };
    if (!Number.isInteger(maxTransitions) || maxTransitions < 1)
      this.#refuse(`maxTransitions is a whole number above 0, not ${maxTransitions}`);
    const { input = z.record(z.string(), z.unknown()) } = this.#definition;
    const definitions = tasks.map((task) => task[taskDefinition]);
    const declared = new Map(definitions.map((definition) => [definition.type, definition]));
    const events: DeclaredEvents = Object.fromEntries(this.#events);
    const traits = { tasks: declared, declared: events, dataStores, movesMax: maxTransitions };
    const machine = compileFlow(this.name, this.#complete(), traits);
    return makeBlueprint("flow", this.name, {
      ...settings,
      version,
      input,
      machine,
      ...(this.#events.size > 0 && { events }),
    });
  }

  /** The states with one start, and with the end states that are named but not declared. */
  #complete(): readonly FlowState[] {
    const states = new Map<string, FlowState>(this.#states);
    for (const { name, targets } of this.#states.values())
      for (const target of targets)
        if (!states.has(target)) {
          if (!endsByName(target))
            this.#refuse(`the state "${name}" leads to "${target}", which is not declared`);
          const end = {
            name: target,
            isStart: false,
            isEnd: true,
            targets: [],
            events: [],
            handler: undefined,
          };
          states.set(target, end);
        }
    const starts = [...states.values()].filter(({ isStart }) => isStart);
    if (starts.length > 1)
      this.#refuse(`it has more than one start: ${starts.map(({ name }) => name).join(", ")}`);
    const start = starts[0] ?? states.get("init");
    if (!start) return this.#refuse('it has no start: give one state isStart, or name it "init"');
    for (const state of states.values()) this.#checkShape(state);
    return [...states.values()].map((state) => ({ ...state, isStart: state === start }));
  }

  #checkShape(state: FlowState): void {
    const { name, isEnd, targets, events } = state;
    if (isEnd && targets.length > 0)
      this.#refuse(`the end state "${name}" leads on to ${targets.join(", ")}`);
    if (isEnd && events.length > 0)
      this.#refuse(`the end state "${name}" is left by no event, so it declares none`);
    for (const type of events)
      if (!isEventName(type))
        this.#refuse(`the state "${name}" declares "${type}", which is not a name for an event`);
    if (!isEnd && !decides(state))
      this.#refuse(`the state "${name}" has no handler, so a job would wait there for ever`);
    if (!isEnd && targets.length === 0)
      this.#refuse(`the state "${name}" leads nowhere: declare its targets in \`to\``);
  }

  #refuse(what: string): never {
    throw new RuntimeError("blueprint.invalid", `Flow "${this.name}" cannot be used: ${what}.`, {
      blueprint: this.name,
    });
  }
}

/** Whether a value is a flow, of this copy of the package or of another one. */
export function isFlow(value: unknown): value is Flow<unknown, unknown, unknown, EventObject> {
  return typeof value === "object" && value !== null && flowMark in value;
}

const endsByName = (state: string): boolean => state === "completed" || state === "failed";
