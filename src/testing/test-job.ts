// A job in a test: what it is at, what it has done, what it is told, and assertions that explain themselves.
import assert, { AssertionError } from "node:assert";
import { isDeepStrictEqual } from "node:util";
import type { AnyStateMachine } from "xstate";
import { decodeEnvelope } from "../actor/codec.ts";
import type { SentEvent } from "../actor/effect.ts";
import type { Envelope, Failure } from "../actor/envelope.ts";
import { actorKind } from "../blueprint/actor-kind.ts";
import { childJobId } from "../id.ts";
import { isFinished, type JobService, type JobView, type Wait } from "../runtime/runtime.ts";
import type { HistoryEntry, JobStatus } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import type { JobBook } from "./job-book.ts";
import type { Performance } from "./performance.ts";
import type { RecordedJob } from "./recorded-job.ts";
import { fail, reply, type ProgressReport, type Told } from "./script.ts";
import type { DispatchedTask, TaskBook } from "./task-book.ts";
import type {
  ActorName,
  ActorOutput,
  ActorParams,
  ContextOf,
  EventOf,
  OutputOf,
  StatePath,
} from "./typed.ts";

export interface TestJobParts {
  readonly jobs: JobService;
  readonly store: Store;
  readonly tasks: TaskBook;
  readonly children: JobBook;
  readonly performance: Performance;
  readonly world: { settle(): Promise<void>; advanceToNext(): Promise<boolean> };
  readonly machine: AnyStateMachine;
}

/** Which of several invocations of the same task is meant. */
interface Which {
  /** The id of the invocation; the oldest that runs where absent. */
  readonly child?: string;
}

/** More moments than this without an end mean that a job never comes to rest. */
const momentsMax = 10_000;
const historyMax = 100_000;

/** What it shows is how the job stood when the world last settled: after `start`, `send`, `complete`, `advance` … */
export class TestJob<Machine extends AnyStateMachine = AnyStateMachine> {
  readonly id: string;
  readonly #parts: TestJobParts;
  #view: JobView | undefined;
  #envelope: Envelope | undefined;
  #history: readonly HistoryEntry[] = [];

  constructor(id: string, parts: TestJobParts) {
    this.id = id;
    this.#parts = parts;
  }

  /** What it runs. */
  get machine(): AnyStateMachine {
    return this.#parts.machine;
  }

  /** The job as clients see it. */
  get view(): JobView {
    assert(this.#view, "The job has not settled yet.");
    return this.#view;
  }
  /** The dotted path of the active leaf states, joined by `,` where regions are parallel. */
  get state(): string {
    return this.view.currentState;
  }
  get status(): JobStatus {
    return this.view.status;
  }
  /** The machine's context. */
  get context(): ContextOf<Machine> {
    return this.envelope.context as ContextOf<Machine>;
  }
  get output(): OutputOf<Machine> | undefined {
    return this.view.output as OutputOf<Machine> | undefined;
  }
  get error(): Failure | undefined {
    return this.view.error;
  }
  /** Why it is not finished. */
  get waits(): readonly Wait[] {
    return this.view.waits;
  }
  /** Its steps so far. */
  get history(): readonly HistoryEntry[] {
    return this.#history;
  }
  /** Where it has been, in order; a state counts once for each time the job came to rest in it. */
  get states(): readonly string[] {
    const states = this.#history.map(({ currentState }) => currentState);
    return states.filter((state, index) => state !== states[index - 1]);
  }
  /** The stored form, for what looks inside. */
  get envelope(): Envelope {
    assert(this.#envelope, "The job has not settled yet.");
    return this.#envelope;
  }
  /** The job as `replayJobs` takes it: write it into a file, and later versions can be held to it. */
  get record(): RecordedJob {
    const { jobId, blueprint, version, parentJobId } = this.view;
    const parent = parentJobId === undefined ? {} : { parentJobId };
    return { jobId, blueprint, version, ...parent, steps: this.#history };
  }

  /** Whether the state is active: a leaf, or one around it. */
  isIn(path: StatePath<Machine>): boolean {
    return this.state.split(",").some((leaf) => leaf === path || leaf.startsWith(`${path}.`));
  }

  /** Tasks that it has dispatched, in order: of one actor, or of one type of task. */
  tasks<const Name extends ActorName<Machine>>(
    name?: Name,
  ): readonly DispatchedTask<ActorParams<Machine, Name>>[] {
    const type = name === undefined ? undefined : this.#typeOf(name);
    const all = this.#parts.tasks.list(this.id) as DispatchedTask<ActorParams<Machine, Name>>[];
    return all.filter((task) => type === undefined || task.type === type);
  }

  /**
   * Send an event, and let what follows happen.
   *
   * @returns `ignored` where nothing listens to it now.
   * @throws RuntimeError `job.finished`, `event.reserved`
   */
  async send(event: EventOf<Machine>): Promise<"accepted" | "ignored"> {
    const { outcome } = await this.#parts.jobs.send(this.id, event as SentEvent);
    await this.#parts.world.settle();
    return outcome;
  }

  async cancel(reason = "the test cancels it"): Promise<void> {
    await this.#parts.jobs.cancel(this.id, reason);
    await this.#parts.world.settle();
  }

  /**
   * Let a person decide what a job of a flow waits for.
   *
   * @throws RuntimeError `approval.not_awaited`, `approval.invalid_decision`
   */
  async decide(decision: string): Promise<void> {
    await this.#parts.jobs.approve(this.id, decision);
    await this.#parts.world.settle();
  }

  /** End an attempt, or a child job that the test plays, with an output. @param options `status` where it is not `success` */
  complete<const Name extends ActorName<Machine>>(
    name: Name,
    output: ActorOutput<Machine, Name>,
    options: Which & { readonly status?: string } = {},
  ): Promise<void> {
    const { status, child } = options;
    return this.end(name, reply(output, status === undefined ? {} : { status }), child);
  }

  /** End an attempt or a child job that runs by hand with a failure. It is final unless its code says that it may be tried again. */
  fail(
    name: ActorName<Machine>,
    code = "PERMANENT_ERROR",
    message = "It failed because the test says so.",
    { child }: Which = {},
  ): Promise<void> {
    return this.end(name, fail(code, message), child);
  }

  /** End an attempt that runs by hand as a script would. */
  async end(name: string, told: Told, child?: string): Promise<void> {
    this.#held(name, child).end(told);
    await this.#parts.world.settle();
  }

  /** Report progress of an attempt that runs by hand. */
  async progress(
    name: ActorName<Machine>,
    { ratio, message, data }: ProgressReport,
    { child }: Which = {},
  ): Promise<void> {
    const { context } = this.#held(name, child);
    assert(context, `"${name}" is a promise, which reports no progress.`);
    context.progress(ratio, message, data);
    await this.#parts.world.settle();
  }

  /**
   * Let time pass until the job has ended, or only the test can move it on: by an event, or by ending a task.
   * Deadlines of its own pass, too.
   */
  async run(): Promise<void> {
    for (let moments = 0; !isFinished(this.status); moments++) {
      assert(moments < momentsMax, this.#told(`The job does not come to rest.`));
      if (!this.#movesByItself() || !(await this.#parts.world.advanceToNext())) return;
    }
  }

  /** A timer of the machine, a task that waits for its next attempt, or one that a script runs. */
  #movesByItself(): boolean {
    const { performance, children, tasks } = this.#parts;
    const held = new Set(performance.held.flatMap(({ context }) => context?.taskId ?? []));
    const isHeld = (jobId: string): boolean =>
      tasks.list(jobId).some(({ taskId, state }) => state === "open" && held.has(taskId));
    return this.waits.some(
      (wait) =>
        wait.kind === "timer" ||
        (wait.kind === "task" && wait.state !== "queued" && !held.has(wait.taskId)) ||
        (wait.kind === "child" && children.playedAs(wait.jobId) && !isHeld(wait.jobId)),
    );
  }

  /** @throws AssertionError that says where the job is, and how it came there. */
  assertIn(path: StatePath<Machine>): void {
    if (!this.isIn(path)) this.#fail(`The job is not in "${path}".`, this.state, path);
  }

  /** @throws AssertionError */
  assertStatus(status: JobStatus): void {
    if (this.status !== status) this.#fail(`The job is not ${status}.`, this.status, status);
  }

  /** The job has been in these states in this order, with any others between them. @throws AssertionError */
  assertWentThrough(...paths: readonly StatePath<Machine>[]): void {
    let from = 0;
    for (const path of paths) {
      const at = this.states.findIndex(
        (state, index) =>
          index >= from &&
          state.split(",").some((leaf) => leaf === path || leaf.startsWith(`${path}.`)),
      );
      if (at < 0)
        this.#fail(`The job did not come to "${path}" in this order.`, this.states, paths);
      from = at + 1;
    }
  }

  /**
   * A task was dispatched: any, or one whose params have at least these members.
   *
   * @returns it.
   * @throws AssertionError that lists what was dispatched.
   */
  assertDispatched<const Name extends ActorName<Machine>>(
    name: Name,
    params: Partial<ActorParams<Machine, Name>> = {},
  ): DispatchedTask<ActorParams<Machine, Name>> {
    const found = this.tasks(name).find((task) => hasMembers(task.params, params));
    if (found) return found;
    const dispatched = this.tasks().map(({ type, params: given }) => ({ type, params: given }));
    return this.#fail(`The job dispatched no such task "${name}".`, dispatched, params);
  }

  /** @throws AssertionError */
  assertNotDispatched(name: ActorName<Machine>): void {
    const found = this.tasks(name);
    if (found.length > 0) this.#fail(`The job dispatched "${name}".`, found, []);
  }

  /** The blueprint of a job that this one has started. */
  blueprintOfChild(jobId: string): string | undefined {
    return this.#parts.children.blueprintOf(jobId);
  }

  /** Whether the test plays a job that this one has started: its blueprint is not in the world. */
  isPlayed(jobId: string): boolean {
    return this.#parts.children.playedAs(jobId) !== undefined;
  }

  /** Look again; the world does so whenever it settles. */
  async refresh(): Promise<void> {
    const { jobs, store } = this.#parts;
    const stored = await store.loadJob(this.id);
    assert(stored, `There is no job "${this.id}".`);
    if (this.#envelope?.revision !== stored.revision) {
      this.#envelope = decodeEnvelope(stored.envelope);
      this.#history = await jobs.history(this.id, 0, historyMax);
    }
    this.#view = await jobs.get(this.id);
  }

  #held(name: string, child: string | undefined) {
    const { performance, tasks: book } = this.#parts;
    const type = this.#typeOf(name);
    const tasks = new Map(book.list(this.id).map((task) => [task.taskId, task]));
    const jobs = this.#played(name, child);
    const found = performance.held.find(({ type: held, context }) => {
      if (!context) return held === type;
      const task = tasks.get(context.taskId);
      if (task) return held === type && (child === undefined || task.child === child);
      return jobs.some((jobId) => book.list(jobId).some(({ taskId }) => taskId === context.taskId));
    });
    if (found) return found;
    const running = this.tasks().filter(({ state }) => state === "open");
    const known = running.map((task) => `${task.type} (as ${task.child})`).join(", ") || "none";
    throw new Error(
      this.#told(`No attempt of "${name}" waits for the test to end it. Open tasks: ${known}.`),
    );
  }

  /** The ids of its running child jobs that the test plays: of an actor, or of a blueprint. */
  #played(name: string, child: string | undefined): readonly string[] {
    const { children: book } = this.#parts;
    return Object.entries(this.envelope.children).flatMap(([id, about]) => {
      const { src, settled, generation, shards } = about;
      if (settled || (child !== undefined && id !== child)) return [];
      const jobId = childJobId(generation, shards);
      const isMeant = src === name || book.blueprintOf(jobId) === name;
      return isMeant && book.playedAs(jobId) !== undefined ? [jobId] : [];
    });
  }

  #typeOf(name: string): string {
    const kind = actorKind(this.#parts.machine, name);
    return (kind.kind === "task" && kind.definition?.type) || name;
  }

  #fail(message: string, actual: unknown, expected: unknown): never {
    throw new AssertionError({ message: this.#told(message), actual, expected });
  }

  #told(message: string): string {
    const steps = this.#history.map(
      ({ revision, message: moved, currentState }) =>
        `  ${revision}. ${describeMessage(moved)} → ${currentState || "(no state)"}`,
    );
    const { error } = this;
    const why = error ? ` (${error.code}: ${error.message})` : "";
    return `${message} It is in "${this.state}", ${this.status}${why}.\n${steps.join("\n")}`;
  }
}

/** What moved a job, in a few words. */
export function describeMessage(message: HistoryEntry["message"]): string {
  switch (message.type) {
    case "event":
      return message.event.type;
    case "done":
      return `${message.child} ${message.status ?? "done"}`;
    case "failed":
      return `${message.child} failed (${message.error.code})`;
    case "progress":
      return `${message.child} progress`;
    case "part":
      return `${message.child} part ${message.part}`;
    case "rejoined":
      return `${message.child} rejoined`;
    case "timer":
      return `timer ${message.timer}`;
    case "restart":
      return `restart from revision ${message.from.revision} of ${message.from.jobId}`;
    case "restarted":
      return `restarted as ${message.as}`;
    case "migrate":
      return `migrate from version ${message.from.version}`;
    case "start":
    case "deferred":
    case "redrive":
    case "rewound":
    case "stop":
      return message.type;
  }
}

function hasMembers(value: unknown, members: object): boolean {
  if (typeof value !== "object" || value === null) return Object.keys(members).length === 0;
  return Object.entries(members).every(([key, member]) =>
    isDeepStrictEqual((value as Record<string, unknown>)[key], member),
  );
}
