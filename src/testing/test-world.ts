// A whole runtime in memory, on virtual time: jobs run in it as they do on a server, as fast as the machine can.
import { pino, type Logger } from "pino";
import type { AnyStateMachine, EventObject } from "xstate";
import type { DefinedTask } from "../../worker/task.ts";
import { actorKind } from "../blueprint/actor-kind.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import type { Flow } from "../blueprint/flow.ts";
import { createRuntime, defaultLimits, type Runtime } from "../runtime/create-runtime.ts";
import type { RuntimeLimits } from "../runtime/runtime.ts";
import type { Commit } from "../store/commit.ts";
import { Activity, settleMsDefault } from "./activity.ts";
import { FakeClock } from "./fake-clock.ts";
import { Repertoire } from "./instrument.ts";
import { JobBook } from "./job-book.ts";
import { Performance } from "./performance.ts";
import { RecordingStore } from "./recording-store.ts";
import { noWorker, type Script } from "./script.ts";
import { standInType } from "./stand-in.ts";
import { TaskBook } from "./task-book.ts";
import { TestJob } from "./test-job.ts";
import { TestWorker } from "./test-worker.ts";
import type { ScriptsFor } from "./typed.ts";

export interface TestWorldOptions<Machine extends AnyStateMachine = AnyStateMachine> {
  /**
   * What tasks, promises and child jobs do, by the name of the actor in `setup({ actors })`; by the type of the task or the
   * blueprint of the job for flows, and for blueprints that run alongside. Tasks and child jobs without a script run until
   * the test ends them; promises run their own code.
   */
  readonly tasks?: ScriptsFor<Machine>;
  /** Handlers made by `defineTask()`, for the tasks that have no script. */
  readonly handlers?: readonly DefinedTask[];
  /** Other blueprints that jobs of this one start, to be run as they are. Jobs of all others are played by the test. */
  readonly alongside?: readonly (Blueprint | Flow<unknown, unknown>)[];
  /** Where virtual time begins, in milliseconds since 1970; the first of January 2026 where absent. */
  readonly startAt?: number;
  readonly limits?: Partial<RuntimeLimits>;
  /** How long real work of handlers and promises may take, in milliseconds of real time; 5000 where absent. */
  readonly settleMs?: number;
}

/** Something that the runtime found worth an error in its log. */
interface Problem {
  readonly msg: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
}

export class TestWorld<Machine extends AnyStateMachine = AnyStateMachine, Input = unknown> {
  readonly clock: FakeClock;
  readonly store: RecordingStore;
  readonly blueprint: Blueprint;
  readonly tasks: TaskBook;
  readonly #repertoire: Repertoire;
  readonly #children: JobBook;
  readonly #performance: Performance;
  readonly #log: Logger;
  readonly #limits: RuntimeLimits;
  readonly #workers = new Map<string, Promise<TestWorker>>();
  readonly #problems: Problem[] = [];
  readonly #jobs: TestJob<AnyStateMachine>[] = [];
  readonly #runtime: Runtime;

  private constructor(repertoire: Repertoire, options: TestWorldOptions) {
    const { handlers = [], startAt, settleMs = settleMsDefault } = options;
    const { blueprint, others, registry } = repertoire;
    const activity = new Activity();
    this.blueprint = blueprint;
    this.#repertoire = repertoire;
    this.clock = new FakeClock(startAt, () => activity.settle(settleMs));
    const scripts = scriptsByType([blueprint, ...others], options.tasks ?? {});
    this.#performance = new Performance({ activity, clock: this.clock, scripts, handlers });
    repertoire.lend({ activity, performance: this.#performance });
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#log = pino(
      { level: "error" },
      { write: (line: string) => this.#problems.push(JSON.parse(line) as Problem) },
    );
    this.tasks = new TaskBook();
    this.#children = new JobBook(repertoire);
    this.store = new RecordingStore(
      { clock: this.clock, epoch: "test", nodeId: "test" },
      (commit) => this.#committed(commit),
    );
    let jobs = 0;
    this.#runtime = createRuntime({
      store: this.store,
      blueprints: registry,
      clock: this.clock,
      log: this.#log,
      limits: this.#limits,
      ids: { job: (shard) => `${shard.toString(36)}_test${++jobs}` },
      random: () => 1,
    });
  }

  /** Used by `openTestWorld`. */
  static async open<Machine extends AnyStateMachine, Input>(
    repertoire: Repertoire,
    options: Omit<TestWorldOptions, "alongside">,
  ): Promise<TestWorld<Machine, Input>> {
    const world = new TestWorld<Machine, Input>(repertoire, options);
    await world.#runtime.start();
    return world;
  }

  /**
   * Start a job, and let it go as far as it gets without time passing.
   *
   * @throws RuntimeError `blueprint.input_invalid`
   */
  async start(...[input]: undefined extends Input ? [input?: Input] : [input: Input]) {
    const { name, version } = this.blueprint;
    const { jobId } = await this.#runtime.jobs.start({ blueprint: name, version, input });
    return this.#follow<Machine>(jobId);
  }

  /** Another job of this world: one that a job has started, or of a blueprint that runs alongside. */
  async job(jobId: string): Promise<TestJob> {
    return this.#follow<AnyStateMachine>(jobId);
  }

  /** The ids of all jobs, oldest first. */
  async jobIds(): Promise<readonly string[]> {
    const { jobs } = await this.#runtime.jobs.list({ limit: 1000 });
    return jobs.map(({ jobId }) => jobId).toReversed();
  }

  async #follow<M extends AnyStateMachine>(jobId: string): Promise<TestJob<M>> {
    const job = new TestJob<M>(jobId, {
      jobs: this.#runtime.jobs,
      store: this.store,
      tasks: this.tasks,
      children: this.#children,
      performance: this.#performance,
      world: this,
      machine: await this.#machineOf(jobId),
    });
    this.#jobs.push(job as unknown as TestJob<AnyStateMachine>);
    await this.settle();
    return job;
  }

  async #machineOf(jobId: string): Promise<AnyStateMachine> {
    const { blueprint, version } = (await this.store.loadJob(jobId))?.summary ?? {};
    const known = blueprint && this.#repertoire.registry.get(blueprint, version);
    return (known || this.blueprint).machine;
  }

  /** Store time, in milliseconds since 1970. */
  get now(): number {
    return this.store.now();
  }

  /**
   * Let everything happen that needs no time.
   *
   * @throws Error with what the runtime logged as an error.
   */
  async settle(): Promise<void> {
    await this.advance(0);
  }

  /** Move virtual time forward: timers fire at their moments, sleeping handlers wake, leases end. */
  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms);
    const [problem] = this.#problems.splice(0);
    if (problem)
      throw new Error(
        `The runtime says: ${problem.msg}. ${problem.err?.stack ?? problem.err?.message ?? ""}`,
      );
    for (const job of this.#jobs) await job.refresh();
  }

  /**
   * Move virtual time forward to the next moment at which anything is set to happen.
   *
   * @returns false where nothing is.
   */
  async advanceToNext(): Promise<boolean> {
    const ms = this.clock.nextInMs;
    if (ms === undefined) return false;
    await this.advance(ms);
    return true;
  }

  /** End the world. What runs in it is abandoned. */
  async close(): Promise<void> {
    await this.#runtime.stop();
    for (const worker of this.#workers.values()) (await worker).close();
  }

  /** A worker joins for each type of task that is seen, so nobody needs to list the types of a flow. */
  #committed(commit: Commit): void {
    this.tasks.committed(commit, this.now);
    this.#children.committed(commit);
    for (const op of commit.ops) {
      if (op.op !== "add_task") continue;
      const { type } = op.task;
      if (type.startsWith("local:") || this.#workers.has(type)) continue;
      if (this.#performance.scriptOf(type) !== noWorker) this.#join(type);
    }
  }

  #join(type: string): void {
    const worker = new TestWorker({
      type,
      task: this.#performance.task(type, (context) => worker.silence(context)),
      workers: this.#runtime.workers,
      clock: this.clock,
      limits: this.#limits,
      log: this.#log,
      began: (task) => this.tasks.began(task),
    });
    const joined = worker.connect().then(() => worker);
    this.#workers.set(type, joined);
    joined.catch((error: unknown) => this.#log.error({ err: error }, "the test's worker failed"));
  }
}

/**
 * Open a world in which jobs of a blueprint run: the real runtime over the store in memory, on time that only the test
 * moves.
 *
 * @param blueprint or a flow
 * @param options `tasks` says what tasks do, `handlers` are those of real workers.
 * @throws RuntimeError `blueprint.invalid` where the linter refuses the blueprint.
 */
export function openTestWorld<Machine extends AnyStateMachine, Input>(
  blueprint: Blueprint<Input, unknown, EventObject, Machine>,
  options?: TestWorldOptions<Machine>,
): Promise<TestWorld<Machine, Input>>;
export function openTestWorld<Data, Stores>(
  flow: Flow<Data, Stores>,
  options?: TestWorldOptions,
): Promise<TestWorld>;
export function openTestWorld<Machine extends AnyStateMachine, Input>(
  given: Blueprint<Input, unknown, EventObject, Machine> | Flow<unknown, unknown>,
  options: TestWorldOptions<Machine> = {},
): Promise<TestWorld<Machine, Input>> {
  const { alongside, ...others } = options as TestWorldOptions;
  return TestWorld.open(new Repertoire(given, alongside), others);
}

/** Scripts by what tells them apart at run time: the type of a task, or the name of a promise. */
function scriptsByType(
  blueprints: readonly Blueprint[],
  scripts: Readonly<Record<string, Script | undefined>>,
): ReadonlyMap<string, Script> {
  const byType = new Map<string, Script>();
  for (const [name, script] of Object.entries(scripts)) {
    if (script === undefined) continue;
    for (const type of typesOf(blueprints, name)) {
      const other = byType.get(type);
      if (other !== undefined && other !== script)
        throw new Error(`Two scripts are given for "${type}"; they are one queue.`);
      byType.set(type, script);
    }
  }
  return byType;
}

/** What the name of a script stands for: an actor, a type of task, or a blueprint whose jobs are played. */
function typesOf(blueprints: readonly Blueprint[], name: string): readonly string[] {
  const types = blueprints.flatMap(({ machine }) => {
    const kind = actorKind(machine, name);
    if (kind.kind === "task" && kind.definition) return [kind.definition.type];
    return kind.kind === "job" && kind.definition ? [standInType(kind.definition.blueprint)] : [];
  });
  return types.length > 0 ? types.slice(0, 1) : [name, standInType(name)];
}
