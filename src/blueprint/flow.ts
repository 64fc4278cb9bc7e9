// The handler style: states with handlers that decide, as the Python system has them. It compiles to a machine.
import { z } from "zod";
import { RuntimeError } from "../errors.ts";
import { makeBlueprint, type Blueprint, type BlueprintSettings } from "./blueprint.ts";
import { compileFlow, type FlowState } from "./compile.ts";
import type { FlowHandler } from "./flow-handler.ts";
import { taskDefinition, type TaskDefinition } from "./task.ts";

/** Where a handler of a flow without an input schema finds what its job was started with. */
export type InitialData = Readonly<Record<string, unknown>>;

export interface StateOptions<Target extends string> {
  /** The job begins here. A state named `init` is the start where no other says so. */
  readonly isStart?: boolean;
  /** The job finishes here. States named `completed` and `failed` are end states by themselves. */
  readonly isEnd?: boolean;
  /** Every state that the handler may lead to: the arrows of the chart. */
  readonly to?: readonly Target[];
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
  /** Handed to every handler as `ctx.dataStores`: memory of this process, for reading rather than keeping. */
  readonly dataStores?: Stores;
}

/**
 * Begin a blueprint in the handler style.
 *
 * A handler reads the job and its data stores, and names one action. It runs on an orchestrator node inside
 * the turn, before the commit: at least once, and also for a turn that loses to another one. So what has
 * effects on the outside world belongs in a task.
 *
 * @param name What clients call it.
 * @param definition The `version`; where wanted `endpoint`, `apiVersion`, `retentionMs`, an `input` schema, `dataStores`.
 */
export function flow<
  Input extends z.ZodType = z.ZodType<InitialData>,
  Stores = Readonly<Record<string, never>>,
>(name: string, definition: FlowDefinition<Input, Stores>): Flow<z.output<Input>, Stores> {
  return new Flow(name, definition);
}

const flowMark = Symbol.for("avtomatika.flow");

export class Flow<Data, Stores> {
  readonly [flowMark] = true;
  readonly name: string;
  readonly #definition: FlowDefinition<z.ZodType, Stores>;
  readonly #states = new Map<string, FlowState>();

  constructor(name: string, definition: FlowDefinition<z.ZodType, Stores>) {
    this.name = name;
    this.#definition = definition;
  }

  /**
   * Add a state. Its handler may lead only to the states in `to`; another target does not compile.
   *
   * @throws RuntimeError `blueprint.invalid` for a name that cannot be used or is taken.
   */
  state<const Target extends string = never>(
    name: string,
    options: StateOptions<Target> = {},
    handler?: FlowHandler<Data, Stores, NoInfer<Target>>,
  ): this {
    if (!/^[A-Za-z_][\w-]*$/.test(name))
      this.#refuse(`"${name}" is not a name for a state: use letters, digits, _ and -`);
    if (this.#states.has(name)) this.#refuse(`the state "${name}" is declared twice`);
    this.#states.set(name, {
      name,
      isStart: options.isStart ?? false,
      isEnd: options.isEnd ?? endsByName(name),
      targets: [...new Set(options.to ?? [])],
      handler,
    });
    return this;
  }

  /** Add a state in two steps: `bp.handlerFor("start", { isStart: true, to: ["done"] })((ctx) => …)`. */
  handlerFor<const Target extends string = never>(
    name: string,
    options: StateOptions<Target> = {},
  ): (handler: FlowHandler<Data, Stores, NoInfer<Target>>) => void {
    return (handler) => {
      this.state<Target>(name, options, handler);
    };
  }

  /**
   * The blueprint of the states so far.
   *
   * @throws RuntimeError `blueprint.invalid` that says what is missing.
   */
  build(): Blueprint {
    const { version, tasks = [], dataStores = {}, ...settings } = this.#definition;
    const { input = z.record(z.string(), z.unknown()) } = this.#definition;
    const definitions = tasks.map((task) => task[taskDefinition]);
    const declared = new Map(definitions.map((definition) => [definition.type, definition]));
    const machine = compileFlow(this.name, this.#complete(), declared, dataStores);
    return makeBlueprint("flow", this.name, { ...settings, version, input, machine });
  }

  /** The states with one start, and with the end states that are named but not declared. */
  #complete(): readonly FlowState[] {
    const states = new Map(this.#states);
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

  #checkShape({ name, isEnd, handler, targets }: FlowState): void {
    if (isEnd && targets.length > 0)
      this.#refuse(`the end state "${name}" leads on to ${targets.join(", ")}`);
    if (!isEnd && !handler)
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
export function isFlow(value: unknown): value is Flow<unknown, unknown> {
  return typeof value === "object" && value !== null && flowMark in value;
}

const endsByName = (state: string): boolean => state === "completed" || state === "failed";
