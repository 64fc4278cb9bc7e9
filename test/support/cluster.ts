// Jobs as texts and nothing else: steps machines with the kernel, and routes what they want to each other.
import { isDeepStrictEqual } from "node:util";
import type { AnyStateMachine } from "xstate";
import { decodeEnvelope, encodeEnvelope } from "../../src/actor/codec.ts";
import type { Effect, Message, SentEvent } from "../../src/actor/effect.ts";
import type { Envelope, ParentRef, Target } from "../../src/actor/envelope.ts";
import { start, step, type Stepped } from "../../src/actor/step.ts";

/** A step that has been taken. */
export interface Commit extends Stepped {
  readonly jobId: string;
}

export interface ClusterWatch {
  readonly stepped?: (commit: Commit) => void;
  /** A completion that names an invocation which is not current. */
  readonly fenced?: (message: Message) => void;
  /**
   * The order of two messages was nobody's: a child has sent to its starter before the starter's own
   * events of the same step, or timers of two jobs were due at one moment.
   */
  readonly raced?: () => void;
}

interface Job {
  readonly machine: AnyStateMachine;
  readonly parent: ParentRef | undefined;
  /** Its envelope. */
  text: string;
  /** Messages that wait for it, as texts. */
  readonly mailbox: string[];
  isBusy: boolean;
}

interface DueTimer {
  readonly jobId: string;
  readonly timer: string;
  readonly generation: string;
  readonly due: number;
}

export const rootId = "0_root";
const epoch = "1";

/**
 * Machines that a machine invokes or spawns are jobs of their own. What a step sends is delivered in
 * the order in which the live interpreter does it, which is one of those that a runtime may choose:
 * a receiver that is idle takes its message at once, one that is busy when it is done.
 */
export class Cluster {
  now = 0;
  readonly #jobs = new Map<string, Job>();
  readonly #watch: ClusterWatch;
  /** As the effects of steps have set and cleared them; by generation. */
  readonly #timers = new Map<string, DueTimer>();

  constructor(machine: AnyStateMachine, watch: ClusterWatch = {}) {
    this.#watch = watch;
    this.#start(rootId, machine, undefined, undefined);
  }

  /** The root's envelope, or that of a child job. */
  envelope(jobId = rootId): Envelope {
    return decodeEnvelope(this.#job(jobId).text);
  }

  /** Child jobs of a job that have not finished, by the child's id. */
  childJobs(jobId = rootId): readonly (readonly [string, Envelope])[] {
    return Object.entries(this.envelope(jobId).children).flatMap(([id, { generation }]) => {
      const job = this.#jobs.get(generation);
      if (job === undefined) return [];
      const envelope = decodeEnvelope(job.text);
      return envelope.status === "active" ? [[id, envelope] as const] : [];
    });
  }

  /** Give the message to the root, and see to everything that follows. */
  take(message: Message, jobId = rootId): void {
    this.#deliver(jobId, message);
  }

  /** When the timers are due that running jobs have set for themselves and their parents. */
  dueNotToChildren(): number[] {
    return [...this.#timers.values()]
      .filter(({ jobId, timer, generation }) => {
        const list = this.envelope(jobId).timers[timer];
        return list?.find((one) => one.generation === generation)?.target.kind !== "child";
      })
      .map(({ due }) => due)
      .sort((a, b) => a - b);
  }

  due(): number[] {
    return [...this.#timers.values()].map(({ due }) => due).sort((a, b) => a - b);
  }

  /** Move to the next timer and fire it, or else to `until`. @returns whether one fired. */
  fireNext(until: number): boolean {
    const [next] = [...this.#timers.values()].sort((a, b) => a.due - b.due);
    if (next === undefined || next.due > until) {
      this.now = Math.max(this.now, until);
      return false;
    }
    const isTie = [...this.#timers.values()].some(
      ({ due, jobId }) => due === next.due && jobId !== next.jobId,
    );
    if (isTie) this.#watch.raced?.();
    this.now = next.due;
    this.#timers.delete(next.generation);
    this.take({ type: "timer", timer: next.timer, generation: next.generation }, next.jobId);
    return true;
  }

  /** Fire what is due up to then, in order. */
  advance(until: number): void {
    while (this.fireNext(until));
  }

  #start(
    jobId: string,
    machine: AnyStateMachine,
    input: unknown,
    parent: ParentRef | undefined,
  ): void {
    const origin = { jobId, blueprint: machine.id, version: "1", shape: "shape" };
    const job: Job = { machine, parent, text: "", mailbox: [], isBusy: true };
    this.#jobs.set(jobId, job);
    const at = { now: this.now, epoch };
    const first = start(machine, { ...origin, ...(parent && { parent }) }, input, at);
    this.#commit(jobId, job, first);
    this.#drain(jobId, job);
  }

  #deliver(jobId: string, message: Message): void {
    const job = this.#job(jobId);
    job.mailbox.push(JSON.stringify(message));
    if (!job.isBusy) this.#drain(jobId, job);
  }

  #drain(jobId: string, job: Job): void {
    job.isBusy = true;
    for (let text = job.mailbox.shift(); text !== undefined; text = job.mailbox.shift()) {
      const message = JSON.parse(text) as Message;
      const result = step(job.machine, decodeEnvelope(job.text), message, { now: this.now, epoch });
      if (result.outcome === "stepped") this.#commit(jobId, job, result);
      else if (result.reason === "fenced") this.#watch.fenced?.(message);
    }
    job.isBusy = false;
  }

  #commit(jobId: string, job: Job, stepped: Stepped): void {
    job.text = encodeEnvelope(stepped.envelope);
    this.#watch.stepped?.({ jobId, ...stepped });
    let hasHeard = false;
    for (const effect of stepped.effects) {
      // Live, children start in the order of actions. The order of messages of several senders is nobody's.
      if (effect.type === "send" && hasHeard) this.#watch.raced?.();
      const waiting = job.mailbox.length;
      this.#route(jobId, job, effect);
      if (effect.type === "start_child" && job.mailbox.length > waiting) hasHeard = true;
    }
    this.#assertTimersAgree(jobId, stepped.envelope);
  }

  #route(jobId: string, job: Job, effect: Effect): void {
    switch (effect.type) {
      case "start_child": {
        const { child, generation, src, input } = effect;
        const logic = (job.machine.implementations.actors as Record<string, unknown>)[src];
        if (!isMachine(logic)) return;
        this.#start(generation, logic, jsonCopy(input), { jobId, child, generation });
        return;
      }
      case "stop_child":
        if (!this.#jobs.has(effect.generation)) return;
        // What has not been taken by then is not taken any more.
        this.#job(effect.generation).mailbox.length = 0;
        this.#deliver(effect.generation, { type: "stop", reason: "parent" });
        return;
      case "set_timer": {
        const { timer, generation, due } = effect;
        this.#timers.set(generation, { jobId, timer, generation, due });
        return;
      }
      case "clear_timer":
        this.#timers.delete(effect.generation);
        return;
      case "send":
        this.#send(jobId, job, effect.target, effect.event);
        return;
      case "finished": {
        if (job.parent === undefined || effect.status === "stopped") return;
        const { child, generation } = job.parent;
        const { output, error = { code: "failed", message: "" } } = effect;
        const message: Message =
          effect.status === "done"
            ? { type: "done", child, generation, output }
            : { type: "failed", child, generation, error };
        this.#deliver(job.parent.jobId, message);
        return;
      }
      case "emit":
      case "log":
      case "action":
      case "run_inline":
        return;
    }
  }

  #send(jobId: string, job: Job, target: Target, event: SentEvent): void {
    const receiver = { self: jobId, parent: job.parent?.jobId, child: "" }[target.kind];
    const to = target.kind === "child" ? target.generation : receiver;
    // A child that is a task takes no events.
    if (to !== undefined && this.#jobs.has(to)) this.#deliver(to, { type: "event", event });
  }

  /** The envelope says which timers pend, and the effects say it too. */
  #assertTimersAgree(jobId: string, { timers }: Envelope): void {
    const inEnvelope = Object.values(timers).flatMap((list) => list.map((one) => one.generation));
    const set = [...this.#timers.values()].filter((timer) => timer.jobId === jobId);
    const byEffects = set.map(({ generation }) => generation);
    if (!isDeepStrictEqual(inEnvelope.sort(), byEffects.sort())) {
      throw new Error(
        `Job ${jobId} has timers ${inEnvelope.join()}, and effects ${byEffects.join()}`,
      );
    }
  }

  #job(jobId: string): Job {
    const job = this.#jobs.get(jobId);
    if (job === undefined) throw new Error(`There is no job ${jobId}`);
    return job;
  }
}

const isMachine = (logic: unknown): logic is AnyStateMachine =>
  typeof logic === "object" && logic !== null && "getStateNodeById" in logic;

const jsonCopy = (value: unknown): unknown =>
  value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
