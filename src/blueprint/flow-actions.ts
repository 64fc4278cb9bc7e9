// The one action that a handler of a flow chooses, checked against what its state declares, as data.
import type { SentEvent } from "../actor/effect.ts";
import type { Failure } from "../actor/envelope.ts";
import { RuntimeError } from "../errors.ts";
import { fittingEvent, isEventName, problemText, type DeclaredEvents } from "./declared-event.ts";
import { parentCloses, type JobOptions, type JobRequest, type ParentClose } from "./job.ts";
import { unknownOption, type KnownOptions } from "./known-options.ts";
import {
  completeOptions,
  taskOptions,
  taskProblem,
  unknownTaskOption,
  type DeclaredTasks,
  type TaskOptions,
  type TaskRequest,
} from "./task.ts";

/** An outcome → the next state. */
export type Transitions<Target extends string = string> = Readonly<Record<string, Target>>;

/** What a handler decided, as data. */
export type Decision = Work & {
  /** The whole history, where the handler changed it. */
  readonly stateHistory?: Readonly<Record<string, unknown>>;
  /** For those who watch the job, and for its parent. */
  readonly events?: readonly SentEvent[];
};

export type Work =
  | ({ readonly action: "dispatch_task"; readonly request: TaskRequest } & Waiting)
  | ({ readonly action: "dispatch_parallel"; readonly requests: readonly TaskRequest[] } & Waiting)
  | ({
      readonly action: "run_blueprint";
      readonly request: JobRequest;
      readonly parentClose: ParentClose;
    } & Waiting)
  | ({ readonly action: "await_human_approval"; readonly approval: Approval } & Waiting)
  | { readonly action: "transition_to"; readonly state: string }
  | { readonly action: "finish" };

/** What leads on from work that takes its time. */
interface Waiting {
  readonly transitions: Transitions;
  /** After so long the outcome is `timeout`. */
  readonly timeoutMs?: number;
  /** An event → the next state. */
  readonly eventTransitions?: Transitions;
}

/** What a person is asked. */
export interface Approval {
  readonly message?: string;
  /** Where the question is put, for those who do so. */
  readonly integration?: string;
}

export interface DispatchTask<Target extends string> extends TaskWish {
  /**
   * A worker's word for the outcome → the next state. Once the retries are used up, the code of the error is looked for, then
   * `failure`; after `totalTimeoutMs`, `timeout`, then `failure`.
   */
  readonly transitions: Transitions<Target>;
  /**
   * An event that comes while the task runs → the next state; its members are merged into `stateHistory`. The task is cancelled
   * then. The state has to declare the events: `events`.
   */
  readonly eventTransitions?: Transitions<Target>;
  /** How long the task may take in all, waiting and retries included, in milliseconds. */
  readonly totalTimeoutMs?: number;
}

/** One of several tasks that run at once. */
export interface TaskWish extends TaskOptions {
  /** The name by which workers offer to do it. */
  readonly type: string;
  /** The task's input: any JSON. */
  readonly params?: unknown;
  /** As in `TaskOptions`; a number in between or beyond is rounded to the nearest of 0 to 9. */
  readonly priority?: number;
}

export interface DispatchParallel<Target extends string> {
  /** 1 to 1,000 tasks. Each is tried again as its options say; what fails for good is a result, too. */
  readonly tasks: readonly TaskWish[];
  /** The state that gets all results at once, in the order of the tasks. */
  readonly aggregateInto: Target;
}

export interface RunBlueprint<Target extends string> extends JobOptions {
  readonly blueprint: string;
  /** The newest where absent. */
  readonly version?: string;
  /** What the job is started with; an empty object where absent. */
  readonly initialData?: unknown;
  /** `success` and `failure`, and `timeout` where `timeoutMs` is given. A flow fails in its state `failed`. */
  readonly transitions: Transitions<Target>;
  /** How long the job may take, in milliseconds; then it is left. */
  readonly timeoutMs?: number;
}

export interface AwaitHumanApproval<Target extends string> extends Approval {
  /** A decision → the next state; `timeout` too, where `timeoutMs` is given. */
  readonly transitions: Transitions<Target>;
  /** How long the person has, in milliseconds. */
  readonly timeoutMs?: number;
}

/** What one of several tasks came to. */
export interface BranchResult {
  readonly taskId: string;
  readonly type: string;
  /** `success`, a worker's own word, or `failure` once the retries are used up. */
  readonly status: string;
  readonly data?: unknown;
  readonly error?: Failure;
}

/** What a handler may do: exactly one of these, and besides it `updateContext` and `sendEvent` as often as it likes. */
export interface FlowActions<Target extends string> {
  /** Queue a task. Its outcome chooses the next state; its output is merged into `stateHistory`. */
  dispatchTask(task: DispatchTask<Target>): void;
  /** Queue several tasks, and go on when all have ended. */
  dispatchParallel(parallel: DispatchParallel<Target>): void;
  /** Start another job. How it ends chooses the next state, and is kept as `stateHistory.sub_job_<id>_result`. */
  runBlueprint(run: RunBlueprint<Target>): void;
  /** Wait for a person's decision: `POST /_public/webhooks/approval/{job_id}`. */
  awaitHumanApproval(approval: AwaitHumanApproval<Target>): void;
  /** Go to another state at once. */
  transitionTo(state: Target): void;
  /** Lay members over `stateHistory`. */
  updateContext(members: Readonly<Record<string, unknown>>): void;
  /** Tell those who watch the job, and the job that started it. An event that the flow declares has to fit its schema. */
  sendEvent(type: string, payload?: Readonly<Record<string, unknown>>): void;
}

/** What is known of the state whose handler chooses. */
export interface ChoosingState {
  readonly name: string;
  readonly targets: readonly string[];
  /** The types of the events that may lead on. */
  readonly events: readonly string[];
  readonly isEnd: boolean;
  readonly tasks: DeclaredTasks;
  /** The events that the flow declares with their schemas. */
  readonly declared?: DeclaredEvents;
}

const wishOptions: KnownOptions<TaskWish> = { type: true, params: true, ...taskOptions };
const dispatchOptions: KnownOptions<DispatchTask<string>> = {
  transitions: true,
  eventTransitions: true,
  ...wishOptions,
};
const parallelOptions: KnownOptions<DispatchParallel<string>> = {
  tasks: true,
  aggregateInto: true,
};
const runOptions: KnownOptions<RunBlueprint<string>> = {
  blueprint: true,
  version: true,
  initialData: true,
  transitions: true,
  timeoutMs: true,
  parentClose: true,
};
const approvalOptions: KnownOptions<AwaitHumanApproval<string>> = {
  integration: true,
  message: true,
  transitions: true,
  timeoutMs: true,
};

/** The most tasks that run at once for one job. */
const parallelMax = 1000;

/** Takes the one action of a run, and refuses what the state did not declare. */
export class ChosenAction implements FlowActions<string> {
  readonly #state: ChoosingState;
  readonly #history: Record<string, unknown>;
  readonly #events: SentEvent[] = [];
  #chosen: Work | undefined;

  constructor(state: ChoosingState, stateHistory: Record<string, unknown>) {
    this.#state = state;
    this.#history = stateHistory;
  }

  dispatchTask(task: DispatchTask<string>): void {
    this.#knowTask("dispatchTask", task, dispatchOptions);
    const { transitions, eventTransitions, totalTimeoutMs, ...wish } = task;
    // A deadline of the work, not of the task: it leads to `timeout`, whoever has set it.
    const { totalTimeoutMs: declared, ...request } = this.#request("dispatchTask", wish);
    const timeoutMs = totalTimeoutMs ?? declared;
    const what = `dispatchTask of "${wish.type}"`;
    const waiting = this.#waiting(what, transitions, timeoutMs, "totalTimeoutMs");
    const byEvent = eventTransitions && { eventTransitions: this.#byEvent(eventTransitions) };
    this.#choose({ action: "dispatch_task", request, ...waiting, ...byEvent });
  }

  dispatchParallel(parallel: DispatchParallel<string>): void {
    this.#know("dispatchParallel", parallel, parallelOptions);
    const { tasks, aggregateInto } = parallel;
    if (!Array.isArray(tasks) || tasks.length === 0 || tasks.length > parallelMax)
      this.#refuse(`dispatchParallel takes 1 to ${parallelMax} tasks`);
    this.#check(aggregateInto);
    for (const wish of tasks) this.#knowTask("a task of dispatchParallel", wish, wishOptions);
    const requests = tasks.map((wish) => this.#request("dispatchParallel", wish));
    const transitions = { aggregated: aggregateInto };
    this.#choose({ action: "dispatch_parallel", requests, transitions });
  }

  runBlueprint(run: RunBlueprint<string>): void {
    this.#know("runBlueprint", run, runOptions);
    const { blueprint, version, initialData = {}, parentClose = "cancel" } = run;
    if (typeof blueprint !== "string") this.#refuse("runBlueprint needs the name of the blueprint");
    if (!parentCloses.includes(parentClose))
      this.#refuse(`parentClose is one of ${parentCloses.join(", ")}`);
    const what = `runBlueprint of "${blueprint}"`;
    const waiting = this.#waiting(what, run.transitions, run.timeoutMs);
    const request = { blueprint, ...(version !== undefined && { version }), input: initialData };
    this.#choose({ action: "run_blueprint", request, parentClose, ...waiting });
  }

  awaitHumanApproval(asked: AwaitHumanApproval<string>): void {
    this.#know("awaitHumanApproval", asked, approvalOptions);
    const { integration, message, transitions, timeoutMs } = asked;
    const waiting = this.#waiting("awaitHumanApproval", transitions, timeoutMs);
    const approval = {
      ...(message !== undefined && { message }),
      ...(integration !== undefined && { integration }),
    };
    if (timeoutMs !== undefined && !Object.hasOwn(transitions, "timeout"))
      this.#refuse("awaitHumanApproval with timeoutMs needs a transition for `timeout`");
    this.#choose({ action: "await_human_approval", approval, ...waiting });
  }

  transitionTo(state: string): void {
    this.#check(state);
    this.#choose({ action: "transition_to", state });
  }

  updateContext(members: Readonly<Record<string, unknown>>): void {
    Object.assign(this.#history, members);
  }

  sendEvent(type: string, payload: Readonly<Record<string, unknown>> = {}): void {
    if (!isEventName(type)) this.#refuse(`"${type}" is not a name for an event`);
    const fitting = fittingEvent(this.#state.declared, { ...payload, type });
    if ("problem" in fitting) this.#refuse(`sendEvent: ${problemText(fitting.problem)}`);
    this.#events.push(fitting.event);
  }

  decision(): Decision {
    const events = this.#events.length > 0 && { events: this.#events };
    if (this.#chosen) return { ...this.#chosen, ...events };
    if (this.#state.isEnd) return { action: "finish", ...events };
    return this.#refuse("it called no action, so the job would wait for ever");
  }

  #choose(work: Work): void {
    if (this.#state.isEnd) this.#refuse("an end state has nowhere to go, so it takes no action");
    if (this.#chosen) this.#refuse("it called a second action; each run takes exactly one");
    this.#chosen = work;
  }

  #know(action: string, options: object, known: Readonly<Record<string, true>>): void {
    const unknown = unknownOption(options, known);
    if (unknown !== undefined) this.#refuse(`${action} ${unknown}`);
  }

  #knowTask(action: string, wish: TaskWish, known: Readonly<Record<string, true>>): void {
    const unknown = unknownTaskOption(action, wish, known);
    if (unknown !== undefined) this.#refuse(unknown);
  }

  #request(action: string, { type, params = {}, priority, ...options }: TaskWish): TaskRequest {
    if (typeof type !== "string") this.#refuse(`${action} needs the type of the task`);
    // What the handler says wins over what the flow declared of the task.
    const declared = this.#state.tasks.get(type);
    const retry = { ...declared?.retry, ...options.retry };
    const rounded = priority === undefined ? {} : { priority: this.#rounded(type, priority) };
    const all = { ...declared, ...declared?.placement, ...options, ...rounded, retry };
    const problem = taskProblem(type, all);
    if (problem !== undefined) this.#refuse(`${action} of "${type}": ${problem}`);
    return { type, params, ...completeOptions(all) };
  }

  #rounded(type: string, priority: number): number {
    if (typeof priority !== "number" || Number.isNaN(priority))
      this.#refuse(`the priority of "${type}" is a number`);
    return Math.min(9, Math.max(0, Math.round(priority)));
  }

  #waiting(
    what: string,
    transitions: Transitions,
    timeoutMs: number | undefined,
    option = "timeoutMs",
  ): Waiting {
    const targets = Object.values(transitions ?? {});
    if (targets.length === 0) this.#refuse(`${what} needs transitions`);
    for (const target of targets) this.#check(target);
    if (timeoutMs === undefined) return { transitions };
    if (!(timeoutMs > 0 && Number.isFinite(timeoutMs)))
      this.#refuse(`${what}: ${option} is above 0`);
    return { transitions, timeoutMs };
  }

  #byEvent(transitions: Transitions): Transitions {
    const { events } = this.#state;
    for (const [event, target] of Object.entries(transitions)) {
      this.#check(target);
      if (events.includes(event)) continue;
      const declared = events.map((type) => `"${type}"`).join(", ") || "none";
      this.#refuse(`"${event}" is not among the declared events (events: ${declared})`);
    }
    return transitions;
  }

  #check(target: string): void {
    const { targets } = this.#state;
    if (targets.includes(target)) return;
    const declared = targets.map((name) => `"${name}"`).join(", ") || "none";
    this.#refuse(`"${target}" is not among the declared targets (to: ${declared})`);
  }

  #refuse(what: string): never {
    throw invalidAction(this.#state.name, what);
  }
}

/** What a handler did that it may not do. Trying again would not help. */
export function invalidAction(state: string, what: string): RuntimeError {
  return new RuntimeError("handler.invalid_action", `Handler of state "${state}": ${what}.`, {
    state,
  });
}
