// How the children of a machine start and stop: each kind of actor as operations and messages of the commit.
import { currentState } from "../actor/current-state.ts";
import type { Effect, Message, SentEvent } from "../actor/effect.ts";
import type { Child, Envelope, Failure } from "../actor/envelope.ts";
import { contextOf } from "../actor/unread-context.ts";
import {
  actorKind,
  dynamicRequest,
  jobRequest,
  taskRequest,
  type ActorKind,
} from "../blueprint/actor-kind.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import type { JobRequest } from "../blueprint/job.ts";
import { jobOutput } from "../blueprint/job-data.ts";
import type { TaskRequest } from "../blueprint/task.ts";
import { childJobId } from "../id.ts";
import type { NewTask } from "../store/records.ts";
import { queueOf } from "./dispatch/queue.ts";
import { localQueue, localTask } from "./local-task.ts";
import { partTaskId } from "./mail.ts";
import type { JobEnd } from "./outbox-message.ts";
import type { RuntimeLimits } from "./runtime.ts";
import type { TurnOps } from "./turn-ops.ts";

interface Step {
  readonly blueprint: Blueprint;
  /** As the step left it. */
  readonly envelope: Envelope;
  readonly ops: TurnOps;
}

interface StartStep extends Step {
  readonly limits: Pick<RuntimeLimits, "runTimeoutMs" | "retriesMax">;
}

/** A job deeper below the one that a client started is refused. */
export const jobDepthMax = 8;
/** A job with more child jobs at once is refused another, and so are longer lists of tasks. */
export const fanOutMax = 1000;

/** @returns what the machine is told at once: why the child cannot start, or the parts of it that cannot. */
export function startChild(
  effect: Extract<Effect, { type: "start_child" }>,
  step: StartStep,
): readonly Message[] | "decides in the turn" {
  const { src, input, child, generation } = effect;
  const failed = (error: Failure) => [{ type: "failed", child, generation, error } as const];
  const { blueprint, ops } = step;
  const kind = actorKind(blueprint.machine, src);
  switch (kind.kind) {
    case "task": {
      const asked = taskRequest(kind, input);
      if ("failure" in asked) return failed(asked.failure);
      ops.addTask(newTask(effect, step, completed(asked.request, step.limits)));
      return [];
    }
    case "task_list":
      return startTasks(effect, step, kind);
    case "job": {
      const asked = jobRequest(kind, input);
      const refused = "failure" in asked ? asked.failure : startJob(effect, step, asked.request);
      return refused ? failed(refused) : [];
    }
    case "promise": {
      if (kind.inTurn) return "decides in the turn";
      ops.addTask(newTask(effect, step, localTask(localQueue(blueprint), src, input)));
      return [];
    }
    case "handler":
      return "decides in the turn";
    case "unsupported":
      return failed({ code: "machine.unsupported_actor", message: kind.why });
  }
}

type CompleteRequest = Omit<TaskRequest, "retry"> & Pick<NewTask, "retry">;

/** What the blueprint does not say of its task is as this server is set. */
function completed(
  request: TaskRequest,
  { runTimeoutMs, retriesMax }: StartStep["limits"],
): CompleteRequest {
  return { runTimeoutMs, ...request, retry: { maxAttempts: retriesMax + 1, ...request.retry } };
}

function newTask(
  { child, generation }: Extract<Effect, { type: "start_child" }>,
  { envelope: { jobId, children } }: Step,
  request: CompleteRequest,
  taskId = generation,
): NewTask {
  const wantsProgress = children[child]?.wantsProgress;
  return {
    taskId,
    jobId,
    child,
    ...(wantsProgress && { wantsProgress }),
    ...request,
    queue: queueOf({ type: request.type, ...request.placement }),
  };
}

function startTasks(
  effect: Extract<Effect, { type: "start_child" }>,
  step: StartStep,
  { declared }: Extract<ActorKind, { kind: "task_list" }>,
): readonly Message[] {
  const { child, generation } = effect;
  return (effect.input as readonly unknown[]).flatMap((input, part) => {
    const taskId = partTaskId(generation, part);
    const asked = dynamicRequest(input, declared);
    if ("failure" in asked) {
      const result = { taskId, status: "failure", error: asked.failure };
      return [{ type: "part", child, generation, part, result } as const];
    }
    step.ops.addTask(newTask(effect, step, completed(asked.request, step.limits), taskId));
    return [];
  });
}

function startJob(
  { child, generation }: Extract<Effect, { type: "start_child" }>,
  { blueprint: { machine }, envelope, ops }: Step,
  request: JobRequest,
): Failure | undefined {
  const { jobId, children, awaiting = {}, depth: above = 0, revision } = envelope;
  const depth = above + 1;
  if (depth > jobDepthMax)
    return {
      code: "machine.jobs_too_deep",
      message: `A job at depth ${above} cannot start another: ${jobDepthMax} levels below the first are the most.`,
    };
  if (isBeyondFanOut([awaiting, children], generation, machine))
    return {
      code: "machine.too_many_jobs",
      message: `The job has ${fanOutMax} child jobs that have not ended; start further ones when some have.`,
    };
  const to = childJobId(generation, children[child]?.shards);
  const parent = { jobId, child, generation };
  ops.post(revision, { kind: "start_job", to, parent, depth, ...request });
  return undefined;
}

/** Whether the child comes after the most child jobs that may be open at once. */
function isBeyondFanOut(
  children: readonly Readonly<Record<string, Child>>[],
  generation: string,
  machine: Blueprint["machine"],
): boolean {
  const count = children.reduce((sum, some) => sum + Object.keys(some).length, 0);
  if (count <= fanOutMax) return false;
  const open = children
    .flatMap(Object.values<Child>)
    .filter(({ src, settled }) => !settled && actorKind(machine, src).kind === "job");
  return open.findIndex((child) => child.generation === generation) >= fanOutMax;
}

/**
 * @param stopping the child as it was before the step, where it was not made by it, and the reasons that workers and that
 *   a job is told.
 * @returns the ids of tasks that workers may have.
 */
export function stopChild(
  { generation, src, number = 0 }: Extract<Effect, { type: "stop_child" }>,
  stopping: Step & {
    readonly child: Child | undefined;
    readonly reason: string;
    readonly reasonForJob: string;
  },
): readonly string[] {
  const { blueprint, envelope, ops, child, reason, reasonForJob } = stopping;
  const kind = actorKind(blueprint.machine, src);
  switch (kind.kind) {
    case "task":
    case "promise":
      return ops.removeTask(generation, reason) ? [generation] : [];
    case "task_list":
      return openParts(child).flatMap((part) => {
        const taskId = partTaskId(generation, part);
        return ops.removeTask(taskId, reason) ? [taskId] : [];
      });
    case "job": {
      const to = childJobId(generation, child?.shards);
      const isOurs = kind.parentClose !== "abandon" && !ops.unstartJob(to);
      if (isOurs)
        ops.post(envelope.revision, { kind: "stop_job", to, reason: reasonForJob, number });
      return [];
    }
    case "handler":
      return [];
    case "unsupported":
      // The version that started it is not there any more, so it may have been a task.
      return ops.removeTask(generation, reason) ? [generation] : [];
  }
}

/** The parts of a list of tasks that have not come. */
export function openParts(child: Child | undefined): readonly number[] {
  const { awaits = 0, parts = {} } = child ?? {};
  return Array.from({ length: awaits }, (_, part) => part).filter(
    (part) => !Object.hasOwn(parts, part),
  );
}

/** @returns whether the child is a job: no other takes events. */
export function sendToChild(
  child: Child,
  event: SentEvent,
  number: number,
  { blueprint: { machine }, envelope: { revision }, ops }: Step,
): boolean {
  if (actorKind(machine, child.src).kind !== "job") return false;
  const to = childJobId(child.generation, child.shards);
  ops.post(revision, { kind: "event", to, event, sender: { kind: "parent", number } });
  return true;
}

/** How a job that has just ended did so, for its parent. */
export function jobEnd({ style }: Pick<Blueprint, "style">, envelope: Envelope): JobEnd {
  const { jobId, status, value, error } = envelope;
  const finalState = currentState(value);
  const hasFailed = status !== "done" || (style === "flow" && finalState === "failed");
  const context = style === "flow" ? contextOf(envelope) : undefined;
  const output = jobOutput({ style }, { ...envelope, context }, finalState);
  return {
    jobId,
    status: status === "active" ? "done" : status,
    outcome: hasFailed ? "failure" : "success",
    finalState,
    ...(output !== undefined && { output }),
    ...(error && { error }),
  };
}

/** The child of a generation, whether the machine has left it or not. */
export function childOf(
  { children, awaiting = {} }: Envelope,
  generation: string,
): Child | undefined {
  return (
    awaiting[generation] ?? Object.values(children).find((one) => one.generation === generation)
  );
}
