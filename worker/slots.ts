// The attempts that run in this worker: starts task handlers, passes on cancellation, and tells how each ended.
import type { Logger } from "pino";
import type { Clock } from "../src/clock.ts";
import type { AttemptRef, TaskAssign } from "../src/protocol/worker-frames.ts";
import { keyOf } from "./attempt-key.ts";
import type { AttemptWire, ReportAnswer } from "./attempt-wire.ts";
import { TaskCancelled } from "./errors.ts";
import type { HotCache } from "./hot-cache.ts";
import type { Ending } from "./metrics.ts";
import { parseParams } from "./params.ts";
import { encodeCancelled, encodeError, encodeOutput } from "./result.ts";
import { Run } from "./run.ts";
import type { DefinedTask } from "./task.ts";

export interface SlotsOptions {
  readonly workerId: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** What task handlers have loaded is told through this. */
  readonly hotCache?: HotCache;
  /** Do a task: its task handler, and whatever runs around it; the bare task handler where absent. */
  readonly perform?: (task: DefinedTask, run: Run) => unknown;
  readonly wire?: AttemptWire;
  /** Send an encoded progress frame. */
  onProgress(frame: string, ref: AttemptRef): void;
  /** An attempt has ended with this encoded result frame. */
  onResult(ref: AttemptRef, frame: string): void;
  /** How long a task handler took, and how it ended. */
  readonly onEnd?: (type: string, ending: Ending, ms: number) => void;
  /** A task handler has ended, whether or not its result is wanted. */
  onFree(): void;
}

interface Slot {
  readonly ref: AttemptRef;
  readonly type: string;
  readonly run: Run;
  /** What becomes of the result when the task handler ends. */
  fate: "report" | "cancelled" | "abandoned";
}

export class Slots {
  readonly #options: SlotsOptions;
  readonly #perform: (task: DefinedTask, run: Run) => unknown;
  readonly #slots = new Map<string, Slot>();

  constructor(options: SlotsOptions) {
    this.#options = options;
    this.#perform = options.perform ?? ((task, run) => task.handler(run));
  }

  /** Slots that are taken, by task handlers that ignore their cancellation too. */
  get size(): number {
    return this.#slots.size;
  }

  /** How many attempts of these types run. */
  sizeOf(types: readonly string[]): number {
    let count = 0;
    for (const slot of this.#slots.values()) if (types.includes(slot.type)) count++;
    return count;
  }

  /** How many attempts of each type run. */
  sizes(): ReadonlyMap<string, number> {
    const sizes = new Map<string, number>();
    for (const { type } of this.#slots.values()) sizes.set(type, (sizes.get(type) ?? 0) + 1);
    return sizes;
  }

  /** Whether the attempt runs here and its result is still wanted. */
  runs(ref: AttemptRef): boolean {
    const slot = this.#slots.get(keyOf(ref));
    return slot !== undefined && slot.fate !== "abandoned";
  }

  /** The attempts whose results are still to come. */
  refs(): AttemptRef[] {
    const wanted = [...this.#slots.values()].filter(({ fate }) => fate !== "abandoned");
    return wanted.map(({ ref }) => ref);
  }

  /** What the attempt leaves to the next one, where the server does not have it yet. */
  unsaved(ref: AttemptRef): { readonly checkpoint?: unknown } {
    return this.#slots.get(keyOf(ref))?.run.reports.unsaved() ?? {};
  }

  /** The server answers what an attempt has told. */
  take(frame: ReportAnswer): void {
    this.#slots.get(keyOf(frame))?.run.reports.take(frame);
  }

  /** There is a new connection for these attempts: what was on its way is sent again. */
  resume(isItsOwn: (ref: AttemptRef) => boolean): void {
    for (const { ref, run } of this.#slots.values()) if (isItsOwn(ref)) run.reports.resume();
  }

  /** Run an attempt. */
  start(assign: TaskAssign, task: DefinedTask): void {
    const ref = { task_id: assign.task_id, attempt: assign.attempt };
    let params: unknown;
    try {
      params = parseParams(task, assign.params);
    } catch (error) {
      this.#options.onResult(ref, encodeError(ref, error));
      return;
    }
    const run = new Run(assign, params, task, this.#options);
    const slot: Slot = { ref, type: task.type, run, fate: "report" };
    this.#slots.set(keyOf(ref), slot);
    void this.#occupy(slot, task);
  }

  /** The server wants the attempt to stop, and to hear when it has. */
  cancel(ref: AttemptRef, reason: string): void {
    const slot = this.#slots.get(keyOf(ref));
    if (slot?.fate !== "report") return;
    slot.fate = "cancelled";
    slot.run.abort(new TaskCancelled(reason));
  }

  /** The attempt is not this worker's any more: nobody waits for its result. */
  abandon(ref: AttemptRef, reason: string): void {
    const slot = this.#slots.get(keyOf(ref));
    if (!slot || slot.fate === "abandoned") return;
    slot.fate = "abandoned";
    slot.run.abort(new TaskCancelled(reason));
  }

  async #occupy(slot: Slot, task: DefinedTask): Promise<void> {
    const { ref, run } = slot;
    const { clock, onEnd } = this.#options;
    const startedAt = clock.monotonic();
    let ending: Ending = "success";
    let result;
    try {
      result = encodeOutput(ref, await this.#perform(task, run));
    } catch (error) {
      result = encodeError(ref, error);
      ending = "failure";
      if (slot.fate === "report") run.log.warn({ err: error }, "task failed");
    }
    if (slot.fate === "cancelled") ending = "cancelled";
    if (slot.fate === "abandoned") ending = "given_up";
    onEnd?.(slot.type, ending, clock.monotonic() - startedAt);
    // Its slot stays taken meanwhile, so that the attempt goes on over a reconnection.
    await run.reports.finish();
    this.#slots.delete(keyOf(ref));
    run.end(slot.fate === "report");
    if (slot.fate === "report") this.#options.onResult(ref, result);
    if (slot.fate === "cancelled") this.#options.onResult(ref, encodeCancelled(ref));
    this.#options.onFree();
  }
}
