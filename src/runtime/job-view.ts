// A stored job as clients may see it, with the reasons why it is not finished yet.
import type { ArchivedJob } from "../archive/archive.ts";
import { activeStates } from "../actor/active-states.ts";
import { decodeEnvelope } from "../actor/codec.ts";
import type { Envelope } from "../actor/envelope.ts";
import { drawnId } from "../blueprint/chart.ts";
import { jobData } from "../blueprint/job-data.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import type { StoredJob, StoredTask } from "../store/records.ts";
import { isInternalEvent } from "./internal-event.ts";
import type { JobView, TaskProgress, Wait } from "./runtime.ts";

export interface ViewTools {
  readonly blueprint: Blueprint;
  /** The open tasks of the job. */
  readonly tasks: readonly StoredTask[];
  /** What a running attempt last told this node. */
  readonly progress: (taskId: string) => TaskProgress | undefined;
}

export function jobView(job: StoredJob, { blueprint, tasks, progress }: ViewTools): JobView {
  const { summary, revision } = job;
  const envelope = decodeEnvelope(job.envelope);
  const { nodes, events } = activeStates(blueprint.machine, envelope.value);
  const sendable = events.filter((type) => !isInternalEvent(type));
  const workerId = tasks.find(({ lease }) => lease)?.lease?.workerId;
  return {
    jobId: summary.jobId,
    blueprint: summary.blueprint,
    version: summary.version,
    style: blueprint.style,
    revision,
    status: summary.status,
    currentState: summary.currentState,
    stateValue: envelope.value,
    ...jobData(blueprint, envelope.context),
    ...(envelope.output !== undefined && { output: envelope.output }),
    ...(envelope.error && { error: envelope.error }),
    waits: envelope.status === "active" ? waits(envelope, tasks, sendable, progress) : [],
    activeStates: nodes.map(drawnId),
    ...(workerId !== undefined && { workerId }),
    createdAt: summary.createdAt,
    updatedAt: summary.updatedAt,
  };
}

/**
 * An archived job. Its blueprint may be gone, or have another shape by now: then nothing is told that only the blueprint
 * knows.
 */
export function archivedJobView(job: ArchivedJob, blueprint: Blueprint | undefined): JobView {
  const { summary, revision, archivedAt } = job;
  const envelope = decodeEnvelope(job.envelope);
  const style = job.style ?? blueprint?.style ?? "native";
  const isSameShape = blueprint?.fingerprint.shape === envelope.shape;
  return {
    ...summary,
    style,
    revision,
    stateValue: envelope.value,
    ...jobData({ style }, envelope.context),
    ...(envelope.output !== undefined && { output: envelope.output }),
    ...(envelope.error && { error: envelope.error }),
    waits: [],
    activeStates: isSameShape
      ? activeStates(blueprint.machine, envelope.value).nodes.map(drawnId)
      : [],
    archivedAt,
  };
}

function waits(
  envelope: Envelope,
  tasks: readonly StoredTask[],
  events: readonly string[],
  progress: ViewTools["progress"],
): Wait[] {
  return [
    ...tasks.map((task): Wait => {
      const until = task.lease?.until ?? task.availableAt;
      const told = progress(task.taskId) ?? (task.progress as TaskProgress | undefined);
      return {
        kind: "task",
        taskId: task.taskId,
        taskType: task.type,
        state: task.state,
        attempt: task.attempt,
        since: task.since,
        ...(task.lease && { workerId: task.lease.workerId }),
        ...(until !== undefined && { until }),
        ...(told && { progress: told }),
        ...(task.lastError && { lastError: task.lastError }),
      };
    }),
    ...Object.values(envelope.timers)
      .flat()
      .map(({ event, due }): Wait => ({ kind: "timer", event: event.type, due })),
    ...(events.length > 0 ? [{ kind: "event", events } as const] : []),
  ];
}
