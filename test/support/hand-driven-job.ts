// A job of a blueprint driven by hand: handlers run at once, tasks and timers when the test says so.
import type { Effect, Message } from "../../src/actor/effect.ts";
import type { Envelope, Failure } from "../../src/actor/envelope.ts";
import { decodeEnvelope, encodeEnvelope } from "../../src/actor/codec.ts";
import { currentState } from "../../src/actor/current-state.ts";
import { start, step } from "../../src/actor/step.ts";
import { actorKind } from "../../src/blueprint/actor-kind.ts";
import type { Blueprint } from "../../src/blueprint/blueprint.ts";
import { jobData } from "../../src/blueprint/job-data.ts";

type Started = Extract<Effect, { type: "start_child" }>;

export class HandDrivenJob {
  readonly #blueprint: Blueprint;
  #envelope!: Envelope;
  /** Tasks that wait for a worker, oldest first. */
  readonly tasks: Started[] = [];
  now = 1_000_000;

  private constructor(blueprint: Blueprint) {
    this.#blueprint = blueprint;
  }

  static async start(blueprint: Blueprint, input: unknown): Promise<HandDrivenJob> {
    const job = new HandDrivenJob(blueprint);
    const { name, version, fingerprint } = blueprint;
    const origin = { jobId: "0_1", blueprint: name, version, shape: fingerprint.shape };
    const first = start(blueprint.machine, origin, input, job.#at);
    await job.#took(first.envelope, first.effects);
    return job;
  }

  get envelope(): Envelope {
    return this.#envelope;
  }
  get state(): string {
    return currentState(this.#envelope.value);
  }
  get data(): unknown {
    return jobData(this.#blueprint, this.#envelope.context).data;
  }
  /** The delays of the pending timers, in milliseconds from now. */
  get delaysMs(): readonly number[] {
    return Object.values(this.#envelope.timers)
      .flat()
      .map(({ due }) => due - this.now);
  }

  /** A worker finishes the oldest task. */
  async finish(output: unknown, status = "success"): Promise<void> {
    const { child, generation } = this.tasks.shift()!;
    await this.take({ type: "done", child, generation, output, status });
  }

  /** The retries of the oldest task are used up. */
  async fail(error: Failure): Promise<void> {
    const { child, generation } = this.tasks.shift()!;
    await this.take({ type: "failed", child, generation, error });
  }

  /** The earliest timer fires, at its time. */
  async fire(): Promise<void> {
    const [timer, [next]] = Object.entries(this.#envelope.timers)[0]!;
    this.now = next!.due;
    await this.take({ type: "timer", timer, generation: next!.generation });
  }

  async take(message: Message): Promise<void> {
    const result = step(this.#blueprint.machine, this.#envelope, message, this.#at);
    if (result.outcome === "stepped") await this.#took(result.envelope, result.effects);
  }

  get #at() {
    return { now: this.now, epoch: "e" };
  }

  async #took(envelope: Envelope, effects: readonly Effect[]): Promise<void> {
    this.#envelope = decodeEnvelope(encodeEnvelope(envelope));
    for (const effect of effects) {
      if (effect.type === "stop_child")
        this.tasks.splice(
          0,
          this.tasks.length,
          ...this.tasks.filter((one) => one.generation !== effect.generation),
        );
      if (effect.type === "start_child") await this.#startChild(effect);
    }
  }

  async #startChild(effect: Started): Promise<void> {
    const { child, generation, src } = effect;
    const kind = actorKind(this.#blueprint.machine, src);
    if (kind.kind !== "handler") {
      this.tasks.push(effect);
      return;
    }
    const { context } = this.#envelope;
    const decided = kind.handler({ jobId: "0_1", context, state: this.state, now: this.now }).then(
      (output): Message => ({ type: "done", child, generation, output }),
      ({ code, message }: Failure): Message => ({
        type: "failed",
        child,
        generation,
        error: { code, message },
      }),
    );
    await this.take(await decided);
  }
}
