// A stored job as clients may see it, with the reasons why it is not finished yet.
import type { ArchivedJob } from "../archive/archive.ts";
import { activeStates } from "../actor/active-states.ts";
import { decodeEnvelope } from "../actor/codec.ts";
import type { Envelope } from "../actor/envelope.ts";
import { drawnId } from "../blueprint/chart.ts";
import type { BranchResult } from "../blueprint/flow-actions.ts";
import type { FlowContext } from "../blueprint/flow-handler.ts";
import { awaitedApproval, jobData } from "../blueprint/job-data.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import { actorKind } from "../blueprint/actor-kind.ts";
import { childJobId } from "../id.ts";
import type { JobSummary, StoredJob, StoredTask } from "../store/records.ts";
import { openParts } from "./children.ts";
import { isInternalEvent } from "./internal-event.ts";
import type { WhyWaiting } from "./dispatch/why-waits.ts";
import { partTaskId } from "./mail.ts";
import type { JobView, TaskProgress, Wait } from "./runtime.ts";

export interface ViewTools {
  readonly blueprint: Blueprint;
  /** The open tasks of the job. */
  readonly tasks: readonly StoredTask[];
  /** What is known of a child job, where it has been started. */
  readonly childJob: (jobId: string) => JobSummary | undefined;
  /** Why queued tasks have not begun, by their queues. */
  readonly reasons: ReadonlyMap<string, WhyWaiting>;
  /** What a running attempt last told this node. */
  readonly progress: (taskId: string) => TaskProgress | undefined;
}

/** The most child jobs that a view looks up: it names the others by their ids alone. */
const lookedUpMax = 20;

/** The child jobs that a view of the job looks up. */
export function childJobIds(envelope: Envelope, blueprint: Blueprint): readonly string[] {
  return openJobs(envelope, blueprint)
    .slice(0, lookedUpMax)
    .map(({ jobId }) => jobId);
}

/** The child jobs that the job waits for. */
export function openJobs(
  { children, awaiting = {} }: Envelope,
  { machine }: Blueprint,
): readonly { readonly child: string; readonly jobId: string }[] {
  const open = Object.entries(children).filter(
    ([, { settled, src }]) => !settled && actorKind(machine, src).kind === "job",
  );
  // A child that the machine has left has no name any more but that of its actor.
  const left = Object.values(awaiting).map((child) => [child.src, child] as const);
  return [...open, ...left].map(([child, { generation, shards }]) => ({
    child,
    jobId: childJobId(generation, shards),
  }));
}

function approvals(blueprint: Blueprint, { context }: Envelope): readonly Wait[] {
  const approval = awaitedApproval(blueprint, context);
  return approval ? [{ kind: "approval", ...approval }] : [];
}

/** @param envelope the job's, decoded */
export function jobView(
  { summary, revision }: StoredJob,
  envelope: Envelope,
  tools: ViewTools,
): JobView {
  const { blueprint, tasks } = tools;
  const { nodes, events } = activeStates(blueprint.machine, envelope.value);
  const takes = envelope.ending === undefined ? events : [];
  const sendable = takes.filter((type) => !isInternalEvent(type));
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
    waits: envelope.status === "active" ? waits(envelope, tools, sendable) : [],
    ...aggregation(blueprint, envelope),
    ...(envelope.deferred && { deferredEvents: envelope.deferred.map(({ type }) => type) }),
    ...(envelope.rewound && { lostRevision: envelope.rewound.lost }),
    ...(envelope.parent && { parentJobId: envelope.parent.jobId }),
    ...restarts(envelope),
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
    ...restarts(envelope),
    waits: [],
    activeStates: isSameShape
      ? activeStates(blueprint.machine, envelope.value).nodes.map(drawnId)
      : [],
    archivedAt,
  };
}

export const restarts = ({ restartedFrom, restartedAs }: Envelope) => ({
  ...(restartedFrom && { restartedFrom }),
  ...(restartedAs && { restartedAs }),
});

/** What is known of tasks that run at once, or have just ended together. */
function aggregation(
  { style }: Blueprint,
  { context, children }: Envelope,
): Pick<JobView, "aggregation"> {
  const found = style === "flow" ? (context as FlowContext).aggregation : null;
  if (!found) return {};
  const { into, types, results } = found;
  const list = Object.values(children).find(
    ({ awaits, settled }) => awaits !== undefined && !settled,
  );
  const { parts = {}, generation = "" } = list ?? {};
  const came = Object.entries(parts).map(([part, result]) => ({
    ...(result as BranchResult),
    type: types[Number(part)]!,
  }));
  const openTaskIds = openParts(list).map((part) => partTaskId(generation, part));
  return { aggregation: { into, openTaskIds, results: results ?? came } };
}

function waits(
  envelope: Envelope,
  { blueprint, tasks, reasons, progress, childJob }: ViewTools,
  events: readonly string[],
): Wait[] {
  return [
    ...tasks.map((task): Wait => {
      const until = task.lease?.until ?? task.availableAt;
      const waiting = task.state === "queued" ? reasons.get(task.queue) : undefined;
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
        ...(waiting && { why: waiting }),
        ...(told && { progress: told }),
        ...(task.lastError && { lastError: task.lastError }),
      };
    }),
    ...openJobs(envelope, blueprint).map(({ child, jobId }): Wait => {
      const job = childJob(jobId);
      if (!job) return { kind: "child", child, jobId };
      const { blueprint: name, status, currentState, createdAt: since } = job;
      return { kind: "child", child, jobId, blueprint: name, status, currentState, since };
    }),
    ...approvals(blueprint, envelope),
    ...Object.values(envelope.timers)
      .flat()
      .map(({ event, due }): Wait => ({ kind: "timer", event: event.type, due })),
    ...(events.length > 0 ? [{ kind: "event", events } as const] : []),
  ];
}
