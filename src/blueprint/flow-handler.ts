// A handler of a flow at run time: it reads the job and names one action, and that is all it may do.
import type { Failure } from "../actor/envelope.ts";
import { RuntimeError } from "../errors.ts";
import { completeOptions, type DeclaredTasks, type TaskOptions, type TaskRequest } from "./task.ts";

/** Marks the actor of a compiled handler. */
export const flowHandler = Symbol.for("avtomatika.flow_handler");

/** Runs a handler for the job as it is; the decision is the output of the child `handler`. */
export type FlowHandlerRunner = (args: {
  readonly jobId: string;
  readonly context: unknown;
  readonly state: string;
  /** Store time, in milliseconds since 1970. */
  readonly now: number;
}) => Promise<unknown>;

/** What the job of a flow remembers. */
export interface FlowContext {
  readonly initialData: unknown;
  /** The outputs of its tasks, merged, and what handlers wrote. */
  readonly stateHistory: Readonly<Record<string, unknown>>;
  /** Of the task that runs now: a worker's word for the outcome → the next state. */
  readonly transitions: Readonly<Record<string, string>>;
  /** How often the handler of the present state has failed in a row. */
  readonly handlerFailures: number;
}

/** What a handler decided, as data. */
export type Decision = (
  | {
      readonly action: "dispatch_task";
      readonly request: TaskRequest;
      readonly transitions: Readonly<Record<string, string>>;
    }
  | { readonly action: "transition_to"; readonly state: string }
  | { readonly action: "finish" }
) & {
  /** The whole history, where the handler changed it. */
  readonly stateHistory?: Readonly<Record<string, unknown>>;
};

/** What a flow keeps of a job that it started, once that has ended. */
export interface SubJobResult {
  readonly jobId: string;
  readonly outcome: "success" | "failure";
  readonly finalState: string;
  /** What the job gave: of a flow `{ finalState, data }`, of a native machine its output. */
  readonly output?: unknown;
  readonly error?: Failure;
}

export interface DispatchTask<Target extends string> extends TaskOptions {
  /** The name by which workers offer to do it. */
  readonly type: string;
  /** The task's input: any JSON. */
  readonly params?: unknown;
  /** A worker's word for the outcome → the next state. `failure` is taken when the retries are used up. */
  readonly transitions: Readonly<Record<string, Target>>;
}

/** The one thing that a handler may do. A second call in one run of a handler is an error. */
export interface FlowActions<Target extends string> {
  /** Queue a task. Its outcome chooses the next state; its output is merged into `stateHistory`. */
  dispatchTask(task: DispatchTask<Target>): void;
  /** Go to another state at once. */
  transitionTo(state: Target): void;
}

export interface FlowHandlerContext<Data, Stores, Target extends string> {
  readonly jobId: string;
  readonly currentState: string;
  /** What the job was started with. */
  readonly initialData: Data;
  /** Merged outputs of the tasks so far. What a handler writes here is kept. */
  readonly stateHistory: Record<string, unknown>;
  readonly actions: FlowActions<Target>;
  /** The stores that the flow was made with: memory of this process, not of the job. */
  readonly dataStores: Stores;
  /** Store time, in milliseconds since 1970: use it instead of `Date.now()`. */
  readonly now: number;
}

export type FlowHandler<Data, Stores, Target extends string> = (
  ctx: FlowHandlerContext<Data, Stores, Target>,
) => void | Promise<void>;

/** What the runner must know of the state besides its handler. */
export interface HandledState {
  readonly name: string;
  readonly targets: readonly string[];
  readonly isEnd: boolean;
  readonly handler: FlowHandler<never, never, never>;
  readonly tasks: DeclaredTasks;
  readonly dataStores: unknown;
}

/** Make the runner of one state's handler. */
export function handlerRunner(state: HandledState): FlowHandlerRunner {
  return async ({ jobId, context, now }) => {
    const { initialData, stateHistory } = context as FlowContext;
    const before = JSON.stringify(stateHistory);
    const actions = new ChosenAction(state);
    const ctx: FlowHandlerContext<unknown, unknown, string> = {
      jobId,
      currentState: state.name,
      initialData: JSON.parse(JSON.stringify(initialData)) as unknown,
      stateHistory: JSON.parse(before) as Record<string, unknown>,
      actions,
      dataStores: state.dataStores,
      now,
    };
    await runHandler(state, ctx);
    const decision = actions.decision();
    const after = JSON.stringify(ctx.stateHistory);
    const changed = after === before ? {} : { stateHistory: JSON.parse(after) as unknown };
    return { ...decision, ...changed };
  };
}

async function runHandler(
  { name, handler }: HandledState,
  ctx: FlowHandlerContext<unknown, unknown, string>,
): Promise<void> {
  try {
    await (handler as FlowHandler<unknown, unknown, string>)(ctx);
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    const message = `Handler of state "${name}" failed: ${why}`;
    throw new RuntimeError("handler.failed", message, { state: name }, { cause: error });
  }
}

/** Takes the one action of a run, and refuses what the state did not declare. */
class ChosenAction implements FlowActions<string> {
  readonly #state: HandledState;
  #chosen: Decision | undefined;

  constructor(state: HandledState) {
    this.#state = state;
  }

  dispatchTask(task: DispatchTask<string>): void {
    const { type, params = {}, transitions, ...options } = task;
    if (typeof type !== "string") this.#refuse("dispatchTask needs the type of the task");
    const targets = Object.values(transitions ?? {});
    if (targets.length === 0) this.#refuse(`dispatchTask of "${type}" needs transitions`);
    for (const target of targets) this.#check(target);
    // What the handler says wins over what the flow declared of the task.
    const declared = this.#state.tasks.get(type);
    const retry = { ...declared?.retry, ...options.retry };
    const complete = completeOptions(type, { ...declared, ...options, retry });
    const request: TaskRequest = { type, params, ...complete };
    this.#choose({ action: "dispatch_task", request, transitions });
  }

  transitionTo(state: string): void {
    this.#check(state);
    this.#choose({ action: "transition_to", state });
  }

  decision(): Decision {
    if (this.#chosen) return this.#chosen;
    if (this.#state.isEnd) return { action: "finish" };
    return this.#refuse("it called no action, so the job would wait for ever");
  }

  #choose(decision: Decision): void {
    if (this.#state.isEnd) this.#refuse("an end state has nowhere to go, so it takes no action");
    if (this.#chosen) this.#refuse("it called a second action; each run takes exactly one");
    this.#chosen = decision;
  }

  #check(target: string): void {
    const { targets } = this.#state;
    if (targets.includes(target)) return;
    const declared = targets.map((name) => `"${name}"`).join(", ") || "none";
    this.#refuse(`"${target}" is not among the declared targets (to: ${declared})`);
  }

  #refuse(what: string): never {
    const { name } = this.#state;
    throw new RuntimeError("handler.invalid_action", `Handler of state "${name}": ${what}.`, {
      state: name,
    });
  }
}
