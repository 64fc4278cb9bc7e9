// A handler of a flow at run time: it reads the job and names one action, and that is all it may do.
import { jsonOf } from "../actor/data.ts";
import type { Failure } from "../actor/envelope.ts";
import { RuntimeError } from "../errors.ts";
import type { Condition, JobFacts } from "./condition.ts";
import {
  ChosenAction,
  invalidAction,
  type Approval,
  type BranchResult,
  type ChoosingState,
  type FlowActions,
  type Transitions,
} from "./flow-actions.ts";

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
  /** Of what the job waits for: an outcome → the next state. */
  readonly transitions: Transitions;
  /** The same for events that come meanwhile; absent in jobs that have had none. */
  readonly eventTransitions?: Transitions;
  /** How often the handler of the present state has failed in a row. */
  readonly handlerFailures: number;
  /** How many times it has gone from a state to the next. */
  readonly moves: number;
  /** While a person decides. */
  readonly approval: Approval | null;
  /** While several tasks run, and until the state that gets their results has decided. */
  readonly aggregation: Aggregation | null;
}

export interface Aggregation {
  readonly into: string;
  /** The types of the tasks, in order. */
  readonly types: readonly string[];
  /** Absent until all have ended. */
  readonly results?: readonly BranchResult[];
}

/** What a flow keeps of a job that it started, once that has ended. */
export interface SubJobResult {
  readonly jobId: string;
  readonly outcome: "success" | "failure";
  readonly finalState: string;
  /** What the job gave: of a flow `{ finalState, data }`, of a native machine its output. */
  readonly output?: unknown;
  readonly error?: Failure;
}

export interface FlowHandlerContext<Data, Stores, Target extends string> {
  readonly jobId: string;
  readonly currentState: string;
  /** What the job was started with. */
  readonly initialData: Data;
  /** Merged outputs of the tasks so far. What a handler writes here is kept. */
  readonly stateHistory: Record<string, unknown>;
  /** In the state that tasks were aggregated into: what each came to, in their order. Else empty. */
  readonly aggregationResults: readonly BranchResult[];
  readonly actions: FlowActions<Target>;
  /** The stores that the flow was made with: memory of this process, not of the job. */
  readonly dataStores: Stores;
  /** Store time, in milliseconds since 1970: use it instead of `Date.now()`. */
  readonly now: number;
}

export type FlowHandler<Data, Stores, Target extends string> = (
  ctx: FlowHandlerContext<Data, Stores, Target>,
) => void | Promise<void>;

/** The handlers of one state: which of them runs depends on the job. */
export interface StateHandlers {
  /** Runs where nothing else does. */
  readonly handler: FlowHandler<never, never, never> | undefined;
  /** Runs where tasks have been aggregated into the state. */
  readonly aggregator?: FlowHandler<never, never, never> | undefined;
  /** The first whose condition holds runs. */
  readonly cases?: readonly HandlerCase[];
}

export interface HandlerCase {
  readonly when: Condition;
  readonly handler: FlowHandler<never, never, never>;
}

/** What the runner must know of the state. */
export interface HandledState extends ChoosingState, StateHandlers {
  readonly dataStores: unknown;
}

/** Make the runner of one state's handlers. */
export function handlerRunner(state: HandledState): FlowHandlerRunner {
  return async ({ jobId, context, now }) => {
    const { initialData, stateHistory, aggregation } = context as FlowContext;
    const before = JSON.stringify(stateHistory);
    const own = JSON.parse(before) as Record<string, unknown>;
    const actions = new ChosenAction(state, own);
    const aggregated = aggregation?.into === state.name ? aggregation.results : undefined;
    const ctx: FlowHandlerContext<unknown, unknown, string> = {
      jobId,
      currentState: state.name,
      initialData: JSON.parse(JSON.stringify(initialData)) as unknown,
      stateHistory: own,
      aggregationResults: aggregated ? structuredClone(aggregated) : [],
      actions,
      dataStores: state.dataStores,
      now,
    };
    await runHandler(state, aggregated !== undefined, ctx);
    const decision = actions.decision();
    const after = jsonOf(own);
    const changed = after === before ? {} : { stateHistory: JSON.parse(after) as unknown };
    return { ...decision, ...changed };
  };
}

async function runHandler(
  state: HandledState,
  isAggregated: boolean,
  ctx: FlowHandlerContext<unknown, unknown, string>,
): Promise<void> {
  const { name } = state;
  try {
    const handler = chosenHandler(state, isAggregated, ctx);
    await (handler as FlowHandler<unknown, unknown, string>)(ctx);
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    const message = `Handler of state "${name}" failed: ${why}`;
    throw new RuntimeError("handler.failed", message, { state: name }, { cause: error });
  }
}

function chosenHandler(
  { name, handler, aggregator, cases = [] }: HandledState,
  isAggregated: boolean,
  facts: JobFacts,
): FlowHandler<never, never, never> {
  const found =
    (isAggregated ? aggregator : undefined) ??
    cases.find(({ when }) => when.holds(facts))?.handler ??
    handler;
  if (found) return found;
  const tried = cases.map(({ when }) => when.text).join("; ");
  throw invalidAction(
    name,
    tried === ""
      ? "it only has an aggregator"
      : `no condition holds, and no handler is for the rest (${tried})`,
  );
}
