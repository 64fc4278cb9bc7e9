// One blueprint in a replay: takes the recorded steps of a job, and tells where each leads and what it wants done.
import { isDeepStrictEqual } from "node:util";
import type { Effect, Message, StepTime } from "../actor/effect.ts";
import type { Envelope } from "../actor/envelope.ts";
import { currentState } from "../actor/current-state.ts";
import { restart } from "../actor/begin-again.ts";
import { start, step, type Stepped } from "../actor/step.ts";
import { actorKind, checkOutput, taskRequest, type ActorKind } from "../blueprint/actor-kind.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import { jobStatus } from "../runtime/job-status.ts";
import type { HistoryEntry, JobStatus } from "../store/records.ts";
import { generationParts, type RecordedJob } from "./recorded-job.ts";

export type SideStep =
  | {
      readonly outcome: "stepped";
      readonly at: { readonly state: string; readonly status: JobStatus };
      /** Without what differs from run to run: generations, and moments in place of durations. */
      readonly effects: readonly unknown[];
    }
  | { readonly outcome: "ignored" | "broken"; readonly reason: string };

export class ReplaySide {
  readonly #blueprint: Blueprint;
  readonly #job: RecordedJob;
  #envelope: Envelope | undefined;
  /** Handlers that have begun: child → what it decides now. */
  readonly #decisions = new Map<string, Promise<unknown>>();

  constructor(blueprint: Blueprint, job: RecordedJob) {
    this.#blueprint = blueprint;
    this.#job = job;
  }

  take({ now, epoch, shards, message }: HistoryEntry): SideStep {
    try {
      const at = { now, epoch, ...(shards !== undefined && { shards }) };
      const stepped = this.#stepped(message, at);
      if ("reason" in stepped) return { outcome: "ignored", reason: stepped.reason };
      const { envelope, effects } = stepped;
      this.#envelope = envelope;
      for (const effect of effects) this.#decide(effect, envelope, now);
      const state = currentState(envelope.value);
      return {
        outcome: "stepped",
        at: { state, status: jobStatus(this.#blueprint, envelope) },
        effects: effects.map((effect) => this.#comparable(effect, now)),
      };
    } catch (error) {
      return { outcome: "broken", reason: error instanceof Error ? error.message : String(error) };
    }
  }

  #stepped(message: Message, at: StepTime): Stepped | { reason: string } {
    const { machine, name, version, fingerprint } = this.#blueprint;
    const { jobId, parentJobId } = this.#job;
    // What is sent to a parent goes nowhere in a replay: which of its children the job is makes no difference.
    const parent = parentJobId !== undefined && {
      parent: { jobId: parentJobId, child: "", generation: "" },
    };
    const origin = { jobId, blueprint: name, version, shape: fingerprint.shape, ...parent };
    if (message.type === "migrate") return { reason: "the job goes on as another version here" };
    if (!this.#envelope) {
      if (message.type === "restart") return restart(machine, origin, message, at);
      if (message.type !== "start") return { reason: "the first step is not a start" };
      return start(machine, origin, message.input, at);
    }
    const result = step(machine, this.#envelope, this.#readdressed(message), at);
    return result.outcome === "stepped" ? result : { reason: result.reason };
  }

  /**
   * The message under the generation that its child or timer has here: of the same step, only numbered otherwise where
   * the machine starts others before it.
   */
  #readdressed(message: Message): Message {
    const envelope = this.#envelope!;
    switch (message.type) {
      case "done":
      case "failed":
      case "part":
      case "rejoined":
      case "progress": {
        const own = envelope.children[message.child]?.generation;
        return own !== undefined && sameStep(own, message.generation)
          ? { ...message, generation: own }
          : message;
      }
      case "timer": {
        const own = envelope.timers[message.timer]?.find(({ generation }) =>
          sameStep(generation, message.generation),
        );
        return own ? { ...message, generation: own.generation } : message;
      }
      case "event": {
        const { sender } = message;
        if (sender === undefined || sender.kind === "parent") return message;
        const own = envelope.children[sender.child]?.generation;
        return own !== undefined && sameStep(own, sender.generation)
          ? { ...message, sender: { ...sender, generation: own } }
          : message;
      }
      case "start":
      case "restart":
      case "restarted":
      case "migrate":
      case "deferred":
      case "redrive":
      case "rewound":
      case "stop":
        return message;
    }
  }

  /** What a schema of this blueprint has against something that the job took. */
  refusedBySchema(
    message: Message,
  ): { readonly kind: "input" | "output"; readonly problem: string } | undefined {
    if (message.type === "start") {
      const parsed = this.#blueprint.input?.safeParse(message.input);
      return parsed?.success === false
        ? { kind: "input", problem: parsed.error.issues[0]!.message }
        : undefined;
    }
    if (message.type !== "done") return undefined;
    const kind = this.#kindOf(message.child);
    if (kind?.kind !== "task" || !kind.definition) return undefined;
    const checked = checkOutput(kind.definition, message.output);
    return "failure" in checked ? { kind: "output", problem: checked.failure.message } : undefined;
  }

  /** What a handler of a flow decides here, where that is not what the record says. */
  async otherDecision(
    message: Message,
  ): Promise<{ readonly expected: unknown; readonly actual: unknown } | undefined> {
    if (message.type !== "done" && message.type !== "failed") return undefined;
    const decided = this.#decisions.get(message.child);
    if (!decided) return undefined;
    this.#decisions.delete(message.child);
    const actual = asStored(await decided);
    const expected = message.type === "done" ? message.output : { threw: message.error.message };
    return isDeepStrictEqual(actual, expected) ? undefined : { expected, actual };
  }

  #decide(effect: Effect, envelope: Envelope, now: number): void {
    if (effect.type !== "start_child") return;
    const kind = actorKind(this.#blueprint.machine, effect.src);
    if (kind.kind !== "handler") return;
    const { jobId, context, value } = envelope;
    const decision = kind.handler({ jobId, context, state: currentState(value), now });
    const told = decision.catch((error: Error) => ({ threw: error.message }));
    this.#decisions.set(effect.child, told);
  }

  #kindOf(child: string): ActorKind | undefined {
    const src = this.#envelope?.children[child]?.src;
    return src === undefined ? undefined : actorKind(this.#blueprint.machine, src);
  }

  #comparable(effect: Effect, now: number): unknown {
    switch (effect.type) {
      case "start_child": {
        const { type, child, src, input } = effect;
        const kind = actorKind(this.#blueprint.machine, src);
        return kind.kind === "task"
          ? { type, child, ...taskRequest(kind, input) }
          : { type, child, src, input };
      }
      case "set_timer":
        return { type: effect.type, timer: effect.timer, afterMs: effect.due - now };
      case "stop_child":
        return { type: effect.type, child: effect.child };
      case "clear_timer":
        return { type: effect.type, timer: effect.timer };
      case "run_inline":
        return { type: effect.type, action: effect.action };
      case "send": {
        const { target, event, type } = effect;
        const to = target.kind === "child" ? target.child : target.kind;
        return { type, to, event };
      }
      case "emit":
      case "log":
      case "action":
      case "finished":
        return effect;
    }
  }
}

function sameStep(one: string, other: string): boolean {
  return generationParts(one)?.revision === generationParts(other)?.revision;
}

/** As history has it: without members that JSON does not keep. */
const asStored = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown;
