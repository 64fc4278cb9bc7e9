// What a turn can be asked to take in, and the message of the machine that each comes to.
import type { Ignored } from "../actor/step.ts";
import type { Message, SentEvent } from "../actor/effect.ts";
import type { Envelope, Failure } from "../actor/envelope.ts";
import { isEventOfJob } from "../actor/exchange.ts";
import { actorKind, checkJobOutput, checkOutput, type ActorKind } from "../blueprint/actor-kind.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import { fittingEvent, type EventProblem } from "../blueprint/declared-event.ts";
import type { SubJobResult } from "../blueprint/flow-handler.ts";
import type { TaskDefinition } from "../blueprint/task.ts";
import type { Op } from "../store/commit.ts";
import type { Attempt } from "../store/store.ts";
import type { JobEnd } from "./outbox-message.ts";

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
  /** What a worker sent while its task runs: it is taken once, by attempt and number. */
  | {
      readonly kind: "task_event";
      readonly attempt: Attempt;
      readonly child: string;
      readonly number: number;
      readonly event: SentEvent;
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
    }
  /** A child job has ended: checked against the output schema that this job's blueprint gives for it. */
  | {
      readonly kind: "job_end";
      readonly child: string;
      readonly generation: string;
      /** Absent where it is told again, to a parent that was over when it was told first. */
      readonly number?: number;
      readonly end: JobEnd;
    };

export type MailOutcome =
  | { readonly outcome: "stepped"; readonly revision: number; readonly code?: string }
  | { readonly outcome: "ignored"; readonly reason: Ignored }
  /** An event of a client or worker that does not fit the schema which the blueprint declares for it. */
  | { readonly outcome: "refused"; readonly problem: EventProblem };

/** The message that a mail comes to, given the present envelope, and what its commit must do besides. */
export function readMail(
  mail: Mail,
  envelope: Envelope,
  blueprint: Blueprint,
): { readonly message?: Message; readonly op?: Op; readonly problem?: EventProblem } {
  switch (mail.kind) {
    case "message":
      return mail.message.type === "event" && !isEventOfJob(mail.message)
        ? eventFromOutside(mail.message, blueprint)
        : { message: mayBeDeferred(mail.message, blueprint) };
    case "timer": {
      const timer = Object.entries(envelope.timers).find(([, pending]) =>
        pending.some(({ generation }) => generation === mail.timerId),
      )?.[0];
      if (timer === undefined) return {};
      return {
        message: { type: "timer", timer, generation: mail.timerId },
        op: { op: "clear_timer", timerId: mail.timerId },
      };
    }
    case "result":
      return {
        message: resultMessage(mail, envelope, blueprint),
        op: { op: "finish_task", ...mail.attempt },
      };
    case "progress": {
      const { child, taskId, data } = mail;
      const kind = childKind(envelope, blueprint, child);
      const schema = kind?.kind === "task" ? kind.definition?.progress : undefined;
      const parsed = schema ? schema.safeParse(data) : { success: true, data };
      if (!parsed.success) return {};
      return { message: { type: "progress", child, generation: taskId, progress: parsed.data } };
    }
    case "task_event": {
      const { attempt, child, number, event } = mail;
      const { generation } = partOf(envelope, child, attempt.taskId) ?? {
        generation: attempt.taskId,
      };
      const sender = { kind: "task", child, generation, ...attempt, number } as const;
      return eventFromOutside({ type: "event", event, sender }, blueprint);
    }
    case "failure": {
      const { child, error, taskId, attempt, lapsed } = mail;
      const part = partOf(envelope, child, taskId);
      return {
        message: part
          ? { type: "part", child, ...part, result: { taskId, status: "failure", error } }
          : { type: "failed", child, generation: taskId, error },
        op:
          attempt === undefined
            ? { op: "remove_task", taskId }
            : { op: "finish_task", taskId, attempt, ...(lapsed && { lapsed }) },
      };
    }
    case "job_end":
      return { message: endMessage(mail, childKind(envelope, blueprint, mail.child)) };
  }
}

function eventFromOutside(message: Message & { readonly type: "event" }, blueprint: Blueprint) {
  const fitting = fittingEvent(blueprint.events, message.event);
  if ("problem" in fitting) return fitting;
  return { message: mayBeDeferred({ ...message, event: fitting.event }, blueprint) };
}

/** So many more than those of clients a job keeps of other jobs, which cannot come again with what they were sent to say. */
const deferredOfJobs = 1000;

function mayBeDeferred(
  message: Exclude<Message, { type: "start" }>,
  { defer }: Blueprint,
): Message {
  if (message.type !== "event" || !defer?.events.includes(message.event.type)) return message;
  return { ...message, defer: defer.max + (isEventOfJob(message) ? deferredOfJobs : 0) };
}

function childKind(
  { children }: Envelope,
  { machine }: Blueprint,
  child: string,
): ActorKind | undefined {
  const src = Object.hasOwn(children, child) ? children[child]?.src : undefined;
  return src === undefined ? undefined : actorKind(machine, src);
}

/** A result as the machine may see it: one that breaks the task's output schema is a failure. */
function resultMessage(
  { attempt: { taskId }, child, taskType, output, status }: Extract<Mail, { kind: "result" }>,
  envelope: Envelope,
  blueprint: Blueprint,
): Message {
  const kind = childKind(envelope, blueprint, child);
  const definition = kind && resultDefinition(kind, taskType, status);
  const checked = definition ? checkOutput(definition, output) : { output };
  const part = partOf(envelope, child, taskId);
  if (part) {
    const result =
      "failure" in checked
        ? { taskId, status: "failure", error: checked.failure }
        : { taskId, status, data: checked.output };
    return { type: "part", child, ...part, result };
  }
  return "failure" in checked
    ? { type: "failed", child, generation: taskId, error: checked.failure }
    : { type: "done", child, generation: taskId, output: checked.output, status };
}

/** What the result has to fit. A flow's worker may answer with a status of its own, and then says what it likes. */
function resultDefinition(
  kind: ActorKind,
  taskType: string,
  status: string,
): TaskDefinition | undefined {
  if (kind.kind === "task" && kind.definition) return kind.definition;
  if (status !== "success") return undefined;
  if (kind.kind === "task") return kind.declared?.get(taskType);
  return kind.kind === "task_list" ? kind.declared.get(taskType) : undefined;
}

/** Tasks of a list are named after its generation, and their place in it. */
export const partTaskId = (generation: string, part: number): string => `${generation}.${part}`;

/** The list and the place in it that a task has, where the child is a list of tasks. */
function partOf(
  { children }: Envelope,
  child: string,
  taskId: string,
): { readonly generation: string; readonly part: number } | undefined {
  const list = Object.hasOwn(children, child) ? children[child] : undefined;
  if (list?.awaits === undefined) return undefined;
  const split = taskId.lastIndexOf(".");
  return { generation: taskId.slice(0, split), part: Number(taskId.slice(split + 1)) };
}

function endMessage(
  { child, generation, number, end }: Extract<Mail, { kind: "job_end" }>,
  kind: ActorKind | undefined,
): Message {
  const { jobId, finalState, outcome, output, error } = end;
  const about = { child, generation, ...(number !== undefined && { number }) };
  // A flow decides by the outcome, and keeps what it was told.
  if (kind?.kind === "job" && kind.definition === undefined) {
    const result: SubJobResult = {
      jobId,
      outcome,
      finalState,
      ...(output !== undefined && { output }),
      ...(error && { error }),
    };
    return { type: "done", ...about, output: result, status: outcome };
  }
  if (end.status !== "done") {
    const unknown = { code: "internal", message: "The job ended without a reason." };
    return { type: "failed", ...about, error: error ?? unknown };
  }
  const definition = kind?.kind === "job" ? kind.definition : undefined;
  const checked = definition ? checkJobOutput(definition, output) : { output };
  return "failure" in checked
    ? { type: "failed", ...about, error: checked.failure }
    : { type: "done", ...about, output: checked.output };
}
