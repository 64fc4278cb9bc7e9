// One turn of a job in the making: messages are stepped, and what must become durable is gathered as one commit.
import type { Effect, Message, SentEvent, StepTime } from "../actor/effect.ts";
import type { Envelope, Failure, Origin } from "../actor/envelope.ts";
import { decodeEnvelope, encodeEnvelope } from "../actor/codec.ts";
import { currentState } from "../actor/current-state.ts";
import { start, step } from "../actor/step.ts";
import { actorKind, checkOutput, taskRequest, type ActorKind } from "../blueprint/actor-kind.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import type { TaskRequest } from "../blueprint/task.ts";
import type { Commit, LeaseOffer, Op } from "../store/commit.ts";
import type { HistoryEntry, NewTask, OutboxMessage, StoredJob } from "../store/records.ts";
import type { Attempt } from "../store/store.ts";
import { jobStatus } from "./job-status.ts";
import type { RuntimeLimits } from "./runtime.ts";
import { localQueue, localTask } from "./local-task.ts";
import { retentionOps, type Retention } from "./retention.ts";

/** What a turn is asked to take in. */
export type Mail =
  | { readonly kind: "message"; readonly message: Exclude<Message, { type: "start" }> }
  /** A fired timer, known by its generation. */
  | { readonly kind: "timer"; readonly timerId: string }
  /** What a worker told of a running task, for machines that listen: `data` is checked against the task's progress schema. */
  | {
      readonly kind: "progress";
      readonly taskId: string;
      readonly child: string;
      readonly data: unknown;
    }
  /** A worker's good result: checked against the task's output schema before the machine sees it. */
  | {
      readonly kind: "result";
      readonly attempt: Attempt;
      readonly child: string;
      readonly taskType: string;
      readonly output: unknown;
      readonly status: string;
    }
  /** A task that will not be tried again: by its attempt, or whatever its attempt where none is named. */
  | {
      readonly kind: "failure";
      readonly taskId: string;
      readonly attempt?: number;
      /** The attempt was lost with its lease, unless the lease has been renewed meanwhile. */
      readonly lapsed?: boolean;
      readonly child: string;
      readonly error: Failure;
    };

export type MailOutcome =
  | { readonly outcome: "stepped"; readonly revision: number; readonly code?: string }
  | { readonly outcome: "ignored"; readonly reason: "finished" | "fenced" | "unhandled" };

/** A task that the commit leaves for workers to stop. */
export interface TakenAway {
  readonly taskId: string;
  readonly reason: string;
}

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
  readonly #history: HistoryEntry[] = [];
  #ops: Op[] = [];
  readonly emitted: SentEvent[] = [];
  readonly logged: { label?: string; value: unknown }[] = [];
  readonly messages: OutboxMessage[] = [];
  /** Inline actions, to be run once the commit is durable. */
  readonly inline: Extract<Effect, { type: "run_inline" }>[] = [];
  readonly takenAway: TakenAway[] = [];
  #envelope: Envelope | undefined;

  private constructor(tools: TurnTools, expectedRevision: number, createdAt: number) {
    this.#tools = tools;
    this.#expectedRevision = expectedRevision;
    this.#createdAt = createdAt;
  }

  /** The first turn of a new job. */
  static async begin(tools: TurnTools, origin: Origin, input: unknown): Promise<Turn> {
    const turn = new Turn(tools, 0, tools.at.now);
    const { envelope, effects } = start(tools.blueprint.machine, origin, input, tools.at);
    await turn.#settle(turn.#took({ type: "start", input }, envelope, effects));
    return turn;
  }

  /** A turn of a stored job. */
  static resume(tools: TurnTools, job: StoredJob): Turn {
    const turn = new Turn(tools, job.revision, job.summary.createdAt);
    turn.#envelope = decodeEnvelope(job.envelope);
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

  /** Take in one piece of mail and all that follows from it inside this job. */
  async apply(mail: Mail): Promise<MailOutcome> {
    const { message, op } = this.#read(mail);
    if (!message) return { outcome: "ignored", reason: "fenced" };
    const result = step(this.#tools.blueprint.machine, this.envelope, message, this.#tools.at);
    if (result.outcome === "ignored") return result;
    if (op) this.#ops.push(op);
    const pending = this.#took(message, result.envelope, result.effects);
    const { revision } = result.envelope;
    await this.#settle(pending);
    const code =
      mail.kind === "result" && message.type === "failed" ? message.error.code : undefined;
    return { outcome: "stepped", revision, ...(code !== undefined && { code }) };
  }

  /** The turn as data. `offer` names who would run a queue's next task now, if anybody. */
  commit(offer: (task: NewTask) => LeaseOffer | undefined): Commit {
    const { envelope } = this;
    const last = this.#history.at(-1)!;
    const ops = this.#ops.map((op): Op => {
      const to = op.op === "add_task" ? offer(op.task) : undefined;
      return to ? ({ ...op, offer: to } as Op) : op;
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
      ops: [...ops, ...retentionOps(this.#tools.retention, last.status, this.#tools.at.now)],
    };
  }

  /** The message that a mail comes to, given the present envelope, and what its commit must do besides. */
  #read(mail: Mail): { message?: Message; op?: Op } {
    switch (mail.kind) {
      case "message":
        return { message: mail.message };
      case "timer": {
        const timer = Object.entries(this.envelope.timers).find(([, pending]) =>
          pending.some(({ generation }) => generation === mail.timerId),
        )?.[0];
        if (timer === undefined) return {};
        return {
          message: { type: "timer", timer, generation: mail.timerId },
          op: { op: "clear_timer", timerId: mail.timerId },
        };
      }
      case "result":
        return { message: this.#checked(mail), op: { op: "finish_task", ...mail.attempt } };
      case "progress": {
        const { child, taskId, data } = mail;
        const schema = this.#taskKind(child)?.definition?.progress;
        const parsed = schema ? schema.safeParse(data) : { success: true, data };
        if (!parsed.success) return {};
        return { message: { type: "progress", child, generation: taskId, progress: parsed.data } };
      }
      case "failure": {
        const { child, error, taskId, attempt, lapsed } = mail;
        return {
          message: { type: "failed", child, generation: taskId, error },
          op:
            attempt === undefined
              ? { op: "remove_task", taskId }
              : { op: "finish_task", taskId, attempt, ...(lapsed && { lapsed }) },
        };
      }
    }
  }

  /** A result as the machine may see it: one that breaks the task's output schema is a failure. */
  #checked(mail: Extract<Mail, { kind: "result" }>): Message {
    const { attempt, child, taskType, output, status } = mail;
    const generation = attempt.taskId;
    const kind = this.#taskKind(child);
    // A flow's worker may answer with a status of its own, and then says what it likes.
    const declared = status === "success" ? kind?.declared?.get(taskType) : undefined;
    const definition = kind?.definition ?? declared;
    const checked = definition ? checkOutput(definition, output) : { output };
    return "failure" in checked
      ? { type: "failed", child, generation, error: checked.failure }
      : { type: "done", child, generation, output: checked.output, status };
  }

  #taskKind(child: string): Extract<ActorKind, { kind: "task" }> | undefined {
    const src = this.envelope.children[child]?.src;
    const kind = src === undefined ? undefined : actorKind(this.#tools.blueprint.machine, src);
    return kind?.kind === "task" ? kind : undefined;
  }

  /** Note a step, and return what it leads to inside this very turn. */
  #took(message: Message, envelope: Envelope, effects: readonly Effect[]): Message[] {
    this.#envelope = envelope;
    this.#history.push({
      revision: envelope.revision,
      ...this.#tools.at,
      message,
      currentState: currentState(envelope.value),
      status: jobStatus(this.#tools.blueprint, envelope),
    });
    return effects.flatMap((effect) => this.#plan(effect, message));
  }

  /** Step what the job says to itself, and run what runs inside the turn, until nothing is left. */
  async #settle(pending: Message[]): Promise<void> {
    const queue = pending;
    for (let taken = 0; ; taken++) {
      const message = queue.shift() ?? (await this.#decide());
      if (!message) return;
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

  #plan(effect: Effect, cause: Message): Message[] {
    switch (effect.type) {
      case "start_child":
        return this.#startChild(effect);
      case "stop_child":
        this.#stopChild(effect.generation, cause);
        return [];
      case "set_timer":
        this.#ops.push({ op: "set_timer", timerId: effect.generation, due: effect.due });
        return [];
      case "clear_timer":
        this.#clearTimer(effect.generation);
        return [];
      case "send":
        if (effect.target.kind === "self") return [{ type: "event", event: effect.event }];
        this.logged.push({ label: "event for another actor dropped", value: effect.event });
        return [];
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
        if (!Object.hasOwn(this.#tools.blueprint.machine.implementations.actions, action)) {
          this.logged.push({ label: "action without implementation", value: action });
          return [];
        }
        const event = cause.type === "event" ? cause.event : { type: `xstate.${cause.type}` };
        this.#post({ kind: "action", action, params, context: this.envelope.context, event });
        return [];
      }
      case "finished":
        return [];
    }
  }

  #startChild(effect: Extract<Effect, { type: "start_child" }>): Message[] {
    const { child, generation, src, input } = effect;
    const failed = (error: Failure): Message[] => [{ type: "failed", child, generation, error }];
    const { blueprint } = this.#tools;
    const kind = actorKind(blueprint.machine, src);
    const { jobId, children } = this.envelope;
    const wantsProgress = children[child]?.wantsProgress;
    const base = { taskId: generation, jobId, child, ...(wantsProgress && { wantsProgress }) };
    switch (kind.kind) {
      case "task": {
        const asked = taskRequest(kind, input);
        if ("failure" in asked) return failed(asked.failure);
        this.#ops.push({ op: "add_task", task: { ...base, ...this.#complete(asked.request) } });
        return [];
      }
      case "promise":
        if (!kind.inTurn) {
          const task = { ...base, ...localTask(localQueue(blueprint), src, input) };
          this.#ops.push({ op: "add_task", task });
          return [];
        }
        this.#undecided.push(effect);
        return [];
      case "handler":
        this.#undecided.push(effect);
        return [];
      case "unsupported":
        return failed({ code: "machine.unsupported_actor", message: kind.why });
    }
  }

  /** What the blueprint does not say of its task is as this server is set. */
  #complete(request: TaskRequest): Omit<NewTask, "taskId" | "jobId" | "child"> {
    const { runTimeoutMs, retriesMax } = this.#tools.limits;
    const retry = { maxAttempts: retriesMax + 1, ...request.retry };
    return { runTimeoutMs, ...request, retry, queue: request.type };
  }

  /** A flow decides by its history alone whether a handler is tried again, so the limit of the day stands there, too. */
  #failureOf(kind: ActorKind, error: unknown): Failure {
    const failure = thrown(error);
    const { retriesMax } = this.#tools.limits;
    return kind.kind === "handler" ? { ...failure, details: { retriesMax } } : failure;
  }

  #stopChild(taskId: string, cause: Message): void {
    const before = this.#ops.length;
    this.#ops = this.#ops.filter((op) => !(op.op === "add_task" && op.task.taskId === taskId));
    if (this.#ops.length < before) return;
    const left = "the job left the state that invoked the task";
    const reason = cause.type === "stop" ? cause.reason : left;
    this.#ops.push({ op: "remove_task", taskId, reason });
    this.takenAway.push({ taskId, reason });
  }

  #clearTimer(timerId: string): void {
    const before = this.#ops.length;
    this.#ops = this.#ops.filter((op) => !(op.op === "set_timer" && op.timerId === timerId));
    if (this.#ops.length === before) this.#ops.push({ op: "clear_timer", timerId });
  }

  #post(body: unknown): void {
    const { jobId, revision } = this.envelope;
    const id = `${jobId}:${revision}.${this.messages.length}`;
    const message = { id, jobId, body };
    this.messages.push(message);
    const due = this.#tools.at.now + this.#tools.outboxDelayMs;
    this.#ops.push({ op: "add_message", message, due });
  }
}

function thrown(error: unknown): Failure {
  const code =
    error instanceof Error && "code" in error && typeof error.code === "string"
      ? error.code
      : "handler.threw";
  return { code, message: error instanceof Error ? error.message : String(error) };
}
