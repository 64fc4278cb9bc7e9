// One thing that is found out about a worker, and what checks have to work with.
import type { Dispatched, Introduction, TestOrchestrator } from "./orchestrator.ts";
import type { WorkerTestOptions } from "./options.ts";
import type { WorkerProcess } from "./worker-process.ts";

export interface Check {
  readonly name: string;
  /** Without this there is no use in going on. */
  readonly isVital?: boolean;
  /** @returns what was seen, in a few words. @throws CheckFailed */
  run(bench: Bench): Promise<string>;
}

/** What is wrong with the worker, for its author. */
export class CheckFailed extends Error {
  override readonly name = "CheckFailed";
}

/** The check does not apply to this worker. */
export class CheckSkipped extends Error {
  override readonly name = "CheckSkipped";
}

/** The worker, its orchestrator, and the ways to wait for what they do. */
export class Bench {
  readonly orchestrator: TestOrchestrator;
  readonly worker: WorkerProcess;
  readonly options: WorkerTestOptions;
  /** Aborted when the test is told to end. */
  readonly signal: AbortSignal;
  readonly #over: AbortSignal;

  constructor(
    orchestrator: TestOrchestrator,
    worker: WorkerProcess,
    options: WorkerTestOptions,
    signal: AbortSignal,
  ) {
    this.orchestrator = orchestrator;
    this.worker = worker;
    this.options = options;
    this.signal = signal;
    // Waiting also ends with the worker: a dead one does nothing any more.
    const died = new AbortController();
    void worker.ended.then(() => died.abort());
    this.#over = AbortSignal.any([signal, died.signal]);
  }

  /** What the worker last said of itself. */
  get introduction(): Introduction {
    const introduction = this.orchestrator.introductions.at(-1);
    if (!introduction) throw new CheckFailed("The worker has not registered.");
    return introduction;
  }

  /** The type that single checks are made with. */
  get type(): string {
    const [type = this.introduction.types[0]] = this.options.tasks ?? [];
    if (type === undefined) throw new CheckFailed("The worker offers no task.");
    return type;
  }

  /** Wait for a condition. @returns whether it came to hold in time */
  within(withinMs: number, condition: () => boolean): Promise<boolean> {
    return this.orchestrator.until(condition, withinMs, this.#over);
  }

  /** Wait for what must happen. @throws CheckFailed */
  async expect(withinMs: number, what: string, condition: () => boolean): Promise<void> {
    if (await this.within(withinMs, condition)) return;
    const { ending } = this.worker;
    if (ending)
      throw new CheckFailed(`The worker ended ${endingText(ending)}, but ${what} was awaited.`);
    throw new CheckFailed(`${capital(what)} did not happen within ${withinMs / 1000} s.`);
  }

  /** Wait until the worker has picked a task up. */
  pickup(dispatched: Dispatched, what = `pickup of "${dispatched.task.type}"`): Promise<void> {
    return this.expect(this.options.pickupMs, what, () => isTaken(dispatched));
  }

  /** Wait for a task's only result. */
  async resultOf(dispatched: Dispatched): Promise<Dispatched["results"][number]> {
    const { timeoutMs } = this.options;
    const { type } = dispatched.task;
    await this.expect(timeoutMs, `the result of "${type}"`, () => isAnswered(dispatched));
    const [result] = dispatched.results;
    if (!result) throw new CheckFailed(`The worker gave "${type}" back instead of doing it.`);
    return result;
  }
}

/** Somebody has it, or has had it. */
export function isTaken(dispatched: Dispatched): boolean {
  return dispatched.acceptedAt !== undefined || isAnswered(dispatched);
}

export function isAnswered({ results, releasedAt }: Dispatched): boolean {
  return results.length > 0 || releasedAt !== undefined;
}

export function endingText({ code, signal }: NonNullable<WorkerProcess["ending"]>): string {
  return signal === null ? `with code ${code}` : `by ${signal}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
