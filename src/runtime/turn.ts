// One turn of a job in the making: messages are stepped, and what must become durable is gathered as one commit.
import type { Effect, Message, SentEvent, StepTime } from "../actor/effect.ts";
import type { Envelope, Failure, Origin } from "../actor/envelope.ts";
import { encodeEnvelope, openEnvelope } from "../actor/codec.ts";
import { currentState } from "../actor/current-state.ts";
import { restart } from "../actor/begin-again.ts";
import { keepsMore } from "../actor/kept-events.ts";
import { start, step } from "../actor/step.ts";
import { contextOf } from "../actor/unread-context.ts";
import { actorKind, type ActorKind } from "../blueprint/actor-kind.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import type { Commit, LeaseOffer, Op } from "../store/commit.ts";
import type {
  HistoryEntry,
  JobStatus,
  NewTask,
  OutboxMessage,
  StoredJob,
} from "../store/records.ts";
import { childOf, jobEnd, sendToChild, startChild, stopChild } from "./children.ts";
import { isInternalEvent } from "./internal-event.ts";
import { jobStatus } from "./job-status.ts";
import { readMail, type Mail, type MailOutcome } from "./mail.ts";
import { rejoinNotes } from "./rejoin.ts";
import { restartNote } from "./restart-message.ts";
import { retentionOps, type Retention } from "./retention.ts";
import type { RuntimeLimits } from "./runtime.ts";
import { TurnOps } from "./turn-ops.ts";

export type { Mail, MailOutcome } from "./mail.ts";

/** A task that the commit leaves for workers to stop. */
export interface TakenAway {
  readonly taskId: string;
  readonly reason: string;
}

/** What a job begins with. */
export type FirstMessage = Extract<Message, { type: "start" | "restart" }>;

export interface TurnTools {
  readonly blueprint: Blueprint;
  readonly at: StepTime;
  /** Run the deciding part of a handler or an in-turn promise, within its time limit. */
  readonly runInTurn: (
    kind: Extract<ActorKind, { kind: "handler" | "promise" }>,
    envelope: Envelope,
    input: unknown,
    /** Store time of the turn. */
    now: number,
  ) => Promise<unknown>;
  readonly outboxDelayMs: number;
  readonly limits: Pick<RuntimeLimits, "runTimeoutMs" | "retriesMax">;
  readonly retention: Retention;
}

/** More messages than this in one turn mean that the job sends events to itself without end. */
const messagesPerTurnMax = 1000;

export class Turn {
  readonly #tools: TurnTools;
  readonly #expectedRevision: number;
  readonly #createdAt: number;
  readonly #statusBefore: JobStatus | undefined;
  readonly #history: HistoryEntry[] = [];
  readonly #ops: TurnOps;
  readonly emitted: SentEvent[] = [];
  readonly logged: { label?: string; value: unknown }[] = [];
  /** Inline actions, to be run once the commit is durable. */
  readonly inline: Extract<Effect, { type: "run_inline" }>[] = [];
  readonly takenAway: TakenAway[] = [];
  #envelope: Envelope | undefined;
  /** While the job migrates: what it ran before, whose children are stopped. */
  #before: Blueprint | undefined;

  private constructor(
    tools: TurnTools,
    jobId: string,
    expectedRevision: number,
    createdAt: number,
    statusBefore?: JobStatus,
  ) {
    this.#tools = tools;
    this.#ops = new TurnOps(jobId, tools.at.now + tools.outboxDelayMs);
    this.#expectedRevision = expectedRevision;
    this.#createdAt = createdAt;
    this.#statusBefore = statusBefore;
  }

  /** The first turn of a new job. */
  static async begin(tools: TurnTools, origin: Origin, first: FirstMessage): Promise<Turn> {
    const turn = new Turn(tools, origin.jobId, 0, tools.at.now);
    const { machine } = tools.blueprint;
    const { envelope, effects } =
      first.type === "start"
        ? start(machine, origin, first.input, tools.at)
        : restart(machine, origin, first, tools.at);
    const pending = turn.#took(first, envelope, effects);
    if (first.type === "restart") turn.#ops.post(1, restartNote(origin.jobId, first));
    await turn.#settle(pending);
    return turn;
  }

  /** A turn of a stored job. */
  static resume(tools: TurnTools, job: StoredJob): Turn {
    const { jobId, createdAt, status } = job.summary;
    const turn = new Turn(tools, jobId, job.revision, createdAt, status);
    turn.#envelope = openEnvelope(job.envelope);
    return turn;
  }

  /**
   * The turn in which a stored job becomes one of another version, which is that of the tools.
   *
   * @param from what it ran before, where that is there
   */
  static async migrate(
    tools: TurnTools,
    job: StoredJob,
    message: Extract<Message, { type: "migrate" }>,
    from: Blueprint | undefined,
  ): Promise<Turn> {
    const turn = Turn.resume(tools, job);
    const result = step(tools.blueprint.machine, turn.envelope, message, tools.at);
    if (result.outcome === "ignored") return turn;
    turn.#before = from;
    const pending = turn.#took(message, result.envelope, result.effects);
    turn.#before = undefined;
    await turn.#settle(pending);
    return turn;
  }

  get envelope(): Envelope {
    return this.#envelope!;
  }
  get blueprint(): Blueprint {
    return this.#tools.blueprint;
  }
  get isEmpty(): boolean {
    return this.#history.length === 0;
  }
  get messages(): readonly OutboxMessage[] {
    return this.#ops.messages;
  }

  /** Take in one piece of mail and all that follows from it inside this job. */
  async apply(mail: Mail): Promise<MailOutcome> {
    const { message, op, problem } = readMail(mail, this.envelope, this.#tools.blueprint);
    if (problem) return { outcome: "refused", problem };
    if (!message) return { outcome: "ignored", reason: "fenced" };
    const result = step(this.#tools.blueprint.machine, this.envelope, message, this.#tools.at);
    if (result.outcome === "ignored") return result;
    if (op) this.#ops.add(op);
    const pending = this.#took(message, result.envelope, result.effects);
    const { revision } = result.envelope;
    if (message.type === "redrive")
      for (const note of rejoinNotes(result.envelope, message)) this.#ops.post(revision, note);
    await this.#settle(pending);
    const code = mail.kind === "result" ? failureCode(message) : undefined;
    return { outcome: "stepped", revision, ...(code !== undefined && { code }) };
  }

  /** The turn as data. `offer` names who would run a queue's next task now, if anybody. */
  commit(offer: (task: NewTask) => LeaseOffer | undefined): Commit {
    const { envelope } = this;
    const last = this.#history.at(-1)!;
    const ops = this.#ops.all.map((op): Op => {
      const to = op.op === "add_task" ? offer(op.task) : undefined;
      return op.op === "add_task" && to ? { op: op.op, task: op.task, offer: to } : op;
    });
    return {
      jobId: envelope.jobId,
      epoch: this.#tools.at.epoch,
      expectedRevision: this.#expectedRevision,
      revision: envelope.revision,
      envelope: encodeEnvelope(envelope),
      summary: {
        jobId: envelope.jobId,
        blueprint: envelope.blueprint,
        version: envelope.version,
        status: last.status,
        currentState: last.currentState,
        createdAt: this.#createdAt,
        updatedAt: this.#tools.at.now,
      },
      history: this.#history,
      ops: [
        ...ops,
        ...retentionOps(this.#tools.retention, this.#statusBefore, last.status, this.#tools.at.now),
      ],
    };
  }

  /** Note a step, and return what it leads to inside this very turn. */
  #took(message: Message, envelope: Envelope, effects: readonly Effect[]): Message[] {
    const before = this.#envelope;
    this.#envelope = envelope;
    this.#history.push({
      revision: envelope.revision,
      message,
      currentState: currentState(envelope.value),
      status: jobStatus(this.#tools.blueprint, envelope),
      ...this.#tools.at,
    });
    // What was only kept changes nothing for what is kept already. A job that begins where another was brings what that kept.
    this.#mayTakeDeferred ||= !before || !keepsMore(envelope, before);
    return effects.flatMap((effect) => this.#plan(effect, message, before));
  }

  /** Whether a step has been made since the kept events were offered last. */
  #mayTakeDeferred = false;

  /** Step what the job says to itself, and run what runs inside the turn, until nothing is left. */
  async #settle(pending: Message[]): Promise<void> {
    const queue = pending;
    for (let taken = 0; ; taken++) {
      const message = queue.shift() ?? (await this.#decide());
      if (!message) {
        const effects = this.#takeDeferred();
        if (!effects) return;
        queue.push(...effects);
        continue;
      }
      const endless = taken >= messagesPerTurnMax;
      const next: Message = endless
        ? {
            type: "stop",
            reason: "endless turn",
            error: {
              code: "turn.endless",
              message: `The job sent itself more than ${messagesPerTurnMax} events in one turn.`,
            },
          }
        : message;
      const { machine } = this.#tools.blueprint;
      const result = step(machine, this.envelope, next, this.#tools.at);
      if (result.outcome === "ignored") continue;
      queue.push(...this.#took(next, result.envelope, result.effects));
      if (endless) return;
    }
  }

  /** Offer the kept events again, oldest first, until one is taken; undefined where none is. */
  #takeDeferred(): Message[] | undefined {
    const { deferred = [] } = this.envelope;
    if (!this.#mayTakeDeferred) return undefined;
    this.#mayTakeDeferred = false;
    for (const index of deferred.keys()) {
      const message = { type: "deferred", index } as const;
      const { machine } = this.#tools.blueprint;
      const result = step(machine, this.envelope, message, this.#tools.at);
      if (result.outcome === "stepped") return this.#took(message, result.envelope, result.effects);
    }
    return undefined;
  }

  readonly #undecided: Extract<Effect, { type: "start_child" }>[] = [];

  /** Run the next handler or in-turn promise, if one waits and is still wanted. */
  async #decide(): Promise<Message | undefined> {
    for (;;) {
      const effect = this.#undecided.shift();
      if (!effect) return undefined;
      const { child, generation, src, input } = effect;
      if (this.envelope.children[child]?.generation !== generation) continue;
      const kind = actorKind(this.#tools.blueprint.machine, src);
      if (kind.kind !== "handler" && kind.kind !== "promise") continue;
      try {
        const output = await this.#tools.runInTurn(kind, this.envelope, input, this.#tools.at.now);
        return { type: "done", child, generation, output };
      } catch (error) {
        return { type: "failed", child, generation, error: this.#failureOf(kind, error) };
      }
    }
  }

  /** A flow decides by its history alone whether a handler is tried again, so the limit of the day stands there, too. */
  #failureOf(kind: ActorKind, error: unknown): Failure {
    const failure = thrown(error);
    const { retriesMax } = this.#tools.limits;
    return kind.kind === "handler" ? { ...failure, details: { retriesMax } } : failure;
  }

  /** @param before the envelope that the step began with; undefined for the first step. */
  #plan(effect: Effect, cause: Message, before: Envelope | undefined): Message[] {
    const { blueprint, limits } = this.#tools;
    const { envelope } = this;
    switch (effect.type) {
      case "start_child": {
        const started = startChild(effect, { blueprint, envelope, ops: this.#ops, limits });
        if (started !== "decides in the turn") return [...started];
        this.#undecided.push(effect);
        return [];
      }
      case "stop_child": {
        const [reason, toJob] =
          cause.type === "stop"
            ? [cause.reason, `The job that started it was stopped: ${cause.reason}`]
            : [leftReason(cause), "The job that started it does not wait for it any more."];
        const child = before && childOf(before, effect.generation);
        const taken = stopChild(effect, {
          blueprint: this.#before ?? blueprint,
          envelope,
          ops: this.#ops,
          child,
          reason,
          reasonForJob: toJob,
        });
        this.takenAway.push(...taken.map((taskId) => ({ taskId, reason })));
        return [];
      }
      case "set_timer":
        this.#ops.add({ op: "set_timer", timerId: effect.generation, due: effect.due });
        return [];
      case "clear_timer":
        this.#ops.clearTimer(effect.generation);
        return [];
      case "send":
        return this.#send(effect, before);
      case "emit":
        this.emitted.push(effect.event);
        return [];
      case "log":
        this.logged.push(effect);
        return [];
      case "run_inline":
        this.inline.push(effect);
        return [];
      case "action": {
        const { action, params } = effect;
        if (!Object.hasOwn(blueprint.machine.implementations.actions, action)) {
          this.logged.push({ label: "action without implementation", value: action });
          return [];
        }
        const event = cause.type === "event" ? cause.event : { type: `xstate.${cause.type}` };
        const { revision } = envelope;
        const context = contextOf(envelope);
        this.#ops.post(revision, { kind: "action", action, params, context, event });
        return [];
      }
      case "finished": {
        const { parent, number } = effect;
        if (!parent || number === undefined) return [];
        const { jobId: to, child, generation } = parent;
        const end = jobEnd(blueprint, envelope);
        this.#ops.post(envelope.revision, { kind: "job_end", to, child, generation, number, end });
        return [];
      }
    }
  }

  #send(effect: Extract<Effect, { type: "send" }>, before: Envelope | undefined): Message[] {
    const { target, event, number = 0 } = effect;
    const { blueprint } = this.#tools;
    const { envelope } = this;
    if (target.kind !== "self" && isInternalEvent(event.type)) {
      // It keeps its number, so the receiver has to be told of something.
      this.logged.push({ label: "internal event for another job not sent", value: event.type });
      return this.#send({ ...effect, event: { type: "not_sent" } }, before);
    }
    switch (target.kind) {
      case "self":
        return [{ type: "event", event }];
      case "parent": {
        const { jobId: to, child, generation } = envelope.parent!;
        const sender = { kind: "child", child, generation, number } as const;
        this.#ops.post(envelope.revision, { kind: "event", to, event, sender });
        return [];
      }
      case "child": {
        const { generation } = target;
        const child = childOf(envelope, generation) ?? (before && childOf(before, generation));
        const sent =
          child && sendToChild(child, event, number, { blueprint, envelope, ops: this.#ops });
        if (!sent) this.logged.push({ label: "event for a task or promise dropped", value: event });
        return [];
      }
    }
  }
}

const leftReason = ({ type }: Message): string =>
  type === "migrate"
    ? "the job has become one of another version, which does not want the task"
    : "the job left the state that invoked the task";

/** The code of a result that the server takes for a failure, so that its worker hears of it. */
function failureCode(message: Message): string | undefined {
  if (message.type === "failed") return message.error.code;
  if (message.type !== "part") return undefined;
  return (message.result as { readonly error?: Failure }).error?.code;
}

function thrown(error: unknown): Failure {
  const code =
    error instanceof Error && "code" in error && typeof error.code === "string"
      ? error.code
      : "handler.threw";
  return { code, message: error instanceof Error ? error.message : String(error) };
}
