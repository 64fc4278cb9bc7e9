// Puts scripts, handlers of real workers and the test's own hand behind the tasks and promises of a world.
import type { DefinedTask, TaskContext } from "../../worker/task.ts";
import type { PromiseCreator } from "../blueprint/actor-kind.ts";
import type { Clock } from "../clock.ts";
import type { Activity, Occupation } from "./activity.ts";
import {
  byHand,
  noWorker,
  play,
  scriptedTask,
  stepOf,
  type Script,
  type Stage,
  type Told,
} from "./script.ts";

export interface PerformanceOptions {
  readonly activity: Activity;
  readonly clock: Clock;
  /** By the type of a task or the name of a promise. */
  readonly scripts: ReadonlyMap<string, Script>;
  readonly handlers: readonly DefinedTask[];
}

/** An attempt that waits for the test to end it. */
export interface Held {
  /** The type of the task, or the name of the promise. */
  readonly type: string;
  /** Absent for promises, which do not know their job. */
  readonly context?: TaskContext;
  readonly end: (told: Told) => void;
}

export class Performance {
  readonly #options: PerformanceOptions;
  readonly #calls = new Map<string, number>();
  readonly #held = new Set<Held>();

  constructor(options: PerformanceOptions) {
    this.#options = options;
  }

  /** Attempts that wait for the test, oldest first. */
  get held(): readonly Held[] {
    return [...this.#held];
  }

  scriptOf(type: string): Script | undefined {
    return this.#options.scripts.get(type);
  }

  /** The handler of a type of task: its script, else the handler of a real worker, else the test's hand. */
  task(type: string, silence: (context: TaskContext) => void): DefinedTask {
    const { activity, handlers } = this.#options;
    const defined = handlers.find((one) => one.type === type);
    const script = this.scriptOf(type) ?? defined ?? byHand;
    const handler = (context: TaskContext): Promise<unknown> =>
      activity.during(`task ${type}`, (occupation) =>
        play(this.#next(type, script), context, this.#stage(type, occupation, context, silence)),
      );
    const like = typeof script === "object" && "handler" in script ? script : (defined ?? {});
    return scriptedTask(type, handler, like);
  }

  /**
   * What stands for a promise of a machine; undefined where its own code is to run.
   *
   * @param name for people; `src` is the actor's
   */
  promise(name: string, src: string): PromiseCreator | undefined {
    const script = this.scriptOf(src);
    if (script === undefined) return undefined;
    return ({ input, signal }) =>
      this.#options.activity.during(name, (occupation) => {
        const context = { params: input, signal } as TaskContext;
        return play(this.#next(src, script), context, this.#stage(src, occupation));
      });
  }

  #next(type: string, script: Script) {
    if (script === noWorker) throw new Error(`"${type}" has no worker, so it can't be called.`);
    const call = this.#calls.get(type) ?? 0;
    this.#calls.set(type, call + 1);
    return stepOf(script, call);
  }

  #stage(
    type: string,
    occupation: Occupation,
    context?: TaskContext,
    silence?: (context: TaskContext) => void,
  ): Stage {
    return {
      sleep: (ms, signal) => occupation.rest(this.#sleep(ms, signal)),
      byHand: () => occupation.rest(this.#hold(type, context)),
      silence: (call) => {
        silence?.(call);
        return occupation.rest(new Promise<never>(() => {}));
      },
    };
  }

  #hold(type: string, context: TaskContext | undefined): Promise<Told> {
    return new Promise((resolve, reject) => {
      const held: Held = {
        type,
        ...(context && { context }),
        end: (told) => {
          this.#held.delete(held);
          resolve(told);
        },
      };
      this.#held.add(held);
      context?.signal.addEventListener("abort", () => {
        this.#held.delete(held);
        reject(context.signal.reason as Error);
      });
    });
  }

  #sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.schedule(ms, resolve);
      const abort = (): void => {
        timer.cancel();
        reject(signal.reason as Error);
      };
      if (signal.aborted) abort();
      signal.addEventListener("abort", abort);
    });
  }
}
