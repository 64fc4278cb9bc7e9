// One job for tests of the kernel: every step goes through JSON, and its effects are kept.
import { setup, type AnyStateMachine } from "xstate";
import { decodeEnvelope, encodeEnvelope, openEnvelope } from "../../src/actor/codec.ts";
import type { Effect, Message, SentEvent } from "../../src/actor/effect.ts";
import type { Envelope, Origin } from "../../src/actor/envelope.ts";
import { start, step, type StepResult } from "../../src/actor/step.ts";

export const origin: Origin = { jobId: "0_job", blueprint: "b", version: "1", shape: "s" };
export const at = { now: 1000, epoch: "1" };

/** Logic that is never run, as tasks and child jobs are for the kernel. */
export const task = {
  transition: (snapshot: never) => snapshot,
  getInitialSnapshot: () => ({ status: "active", output: undefined, error: undefined }),
  getPersistedSnapshot: (snapshot: never) => snapshot,
};

/** A machine whose actor `task` exists; the configuration is not typed. */
export function machineOf(config: unknown): AnyStateMachine {
  const actors = { task: task as never };
  return setup({ actors }).createMachine(config as never) as unknown as AnyStateMachine;
}

export class ActorJob {
  readonly #machine: AnyStateMachine;
  text: string;
  effects: readonly Effect[];
  epoch = "1";
  now: number;

  constructor(machine: AnyStateMachine, input?: unknown, from: Origin = origin) {
    this.#machine = machine;
    this.now = at.now;
    const first = start(machine, from, input, at);
    this.text = encodeEnvelope(first.envelope);
    this.effects = first.effects;
  }

  get envelope(): Envelope {
    return decodeEnvelope(this.text);
  }

  get context(): Record<string, unknown> {
    return this.envelope.context as Record<string, unknown>;
  }

  take(message: Message): StepResult {
    const time = { now: this.now, epoch: this.epoch };
    const result = step(this.#machine, openEnvelope(this.text), message, time);
    if (result.outcome === "stepped") {
      this.text = encodeEnvelope(result.envelope);
      this.effects = result.effects;
    }
    return result;
  }

  send(type: string, members: Omit<SentEvent, "type"> = {}): StepResult {
    return this.take({ type: "event", event: { ...members, type } });
  }

  /** Complete the child with its current generation. */
  done(child: string, output?: unknown): StepResult {
    return this.take({ type: "done", child, generation: this.generation(child), output });
  }

  failed(child: string, code = "task.broke"): StepResult {
    const error = { code, message: "it broke" };
    return this.take({ type: "failed", child, generation: this.generation(child), error });
  }

  /** Fire the first timer of the send id. */
  fire(timer: string): StepResult {
    const { generation } = this.envelope.timers[timer]![0]!;
    return this.take({ type: "timer", timer, generation });
  }

  generation(child: string): string {
    return this.envelope.children[child]!.generation;
  }
}
