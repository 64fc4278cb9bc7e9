// Jobs, their events and workers in the words of the wire.
import type {
  Failure,
  Job,
  JobMoment,
  JobStep,
  JobSummary,
  PlainJob,
  TaskProgress,
  Wait,
  Worker,
} from "../protocol/job.ts";
import type { StreamEvent } from "../protocol/job-event.ts";
import {
  isFinished,
  type HistoryEntry,
  type JobEvent,
  type JobMomentView,
  type JobPage,
  type JobStepView,
  type JobView,
  type TaskProgress as Progress,
  type Wait as Reason,
} from "../runtime/runtime.ts";
import type { WorkerUsage, WorkerView } from "../runtime/worker-view.ts";

/** A job under `/api`. */
export function jobAnswer(job: JobView): Job {
  const { error, workerId, aggregation } = job;
  const child = job.waits.find(({ kind }) => kind === "child");
  return Object.assign(summaryAnswer(job), {
    revision: job.revision,
    state_value: job.stateValue,
    active_states: [...job.activeStates],
    initial_data: job.initialData ?? null,
    state_history: job.data,
    data: job.data,
    ...(job.output !== undefined && { output: job.output }),
    ...(error && { error: failureAnswer(error), error_message: error.message }),
    ...(workerId !== undefined && { task_worker_id: workerId }),
    ...(job.parentJobId !== undefined && { parent_job_id: job.parentJobId }),
    ...(job.restartedFrom && { restarted_from: momentName(job.restartedFrom) }),
    ...(job.restartedAs && { restarted_as: [...job.restartedAs] }),
    ...(child?.kind === "child" && { child_job_id: child.jobId }),
    ...(aggregation && {
      aggregation_target: aggregation.into,
      active_branches: [...aggregation.openTaskIds],
      aggregation_results: Object.fromEntries(
        aggregation.results.map(({ taskId, status, data, error }) => [
          taskId,
          { status, ...(data !== undefined && { data }), ...(error && { error }) },
        ]),
      ),
    }),
    ...(job.deferredEvents && { deferred_events: [...job.deferredEvents] }),
    ...(job.lostRevision !== undefined && { lost_revision: job.lostRevision }),
    waits: job.waits.map(waitAnswer),
  });
}

/** A job in the plain dialect. */
export function plainJobAnswer(job: JobView): PlainJob {
  return {
    job_id: job.jobId,
    blueprint: job.blueprint,
    state: job.currentState,
    status: job.status,
    data: job.data,
    ...(job.output !== undefined && { output: job.output }),
    ...(job.error && { error: failureAnswer(job.error) }),
    created_at: iso(job.createdAt),
    updated_at: iso(job.updatedAt),
    ...(job.archivedAt !== undefined && { archived_at: iso(job.archivedAt) }),
  };
}

/** A job in a list. */
export function summaryAnswer(
  job: JobPage["jobs"][number] & { readonly archivedAt?: number },
): JobSummary {
  return {
    id: job.jobId,
    job_id: job.jobId,
    blueprint_name: job.blueprint,
    blueprint_version: job.version,
    current_state: job.currentState,
    status: job.status,
    finished: isFinished(job.status),
    created_at: iso(job.createdAt),
    updated_at: iso(job.updatedAt),
    ...(job.archivedAt !== undefined && { archived_at: iso(job.archivedAt) }),
  };
}

export function stepAnswer({
  revision,
  now,
  currentState,
  status,
  message,
}: HistoryEntry): JobStep {
  return { revision, timestamp: iso(now), current_state: currentState, status, message };
}

function taskAnswer({
  taskId,
  taskType,
  child,
  attempt,
}: Extract<JobEvent, { readonly taskId: string }>) {
  return { task_id: taskId, task_type: taskType, child, attempt };
}

/** A step with what a replay tells. */
export function replayedStepAnswer(step: JobStepView): JobStep {
  return {
    ...stepAnswer(step),
    previous_state: step.previousState,
    started: [...step.started],
  };
}

export function momentAnswer(job: JobMomentView): JobMoment {
  return {
    job_id: job.jobId,
    blueprint_name: job.blueprint,
    blueprint_version: job.version,
    revision: job.revision,
    timestamp: iso(job.at),
    message: job.message,
    previous_state: job.previousState,
    current_state: job.currentState,
    status: job.status,
    state_value: job.stateValue,
    active_states: [...job.activeStates],
    initial_data: job.initialData ?? null,
    data: job.data,
    ...(job.output !== undefined && { output: job.output }),
    ...(job.error && { error: failureAnswer(job.error) }),
    started: [...job.started],
    running: [...job.running],
    timers: job.timers.map(({ event, due }) => ({ event, due: iso(due) })),
    deferred_events: [...job.deferredEvents],
  };
}

export function momentName({ jobId, revision }: NonNullable<JobView["restartedFrom"]>) {
  return { job_id: jobId, revision };
}

export function streamAnswer(event: JobEvent): StreamEvent {
  const job_id = event.jobId;
  switch (event.type) {
    case "state": {
      const { id, currentState, status, at } = event;
      return {
        type: "state",
        job_id,
        revision: id,
        current_state: currentState,
        status,
        at: iso(at),
      };
    }
    case "progress": {
      return { type: "progress", job_id, ...taskAnswer(event), ...progressAnswer(event.progress) };
    }
    case "log": {
      const { level, message, fields, at, dropped } = event.line;
      return {
        type: "log",
        job_id,
        ...taskAnswer(event),
        level,
        message,
        ...(fields && { fields }),
        at: iso(at),
        ...(dropped > 0 && { dropped }),
      };
    }
    case "chunk": {
      const { stream, offset, data, encoding, end } = event.chunk;
      return {
        type: "chunk",
        job_id,
        ...taskAnswer(event),
        stream,
        offset,
        encoding,
        data,
        ...(end && { end: true as const }),
      };
    }
    case "emitted":
      return { type: "emitted", job_id, event: event.event };
    case "finished":
      return { type: "finished", job_id, revision: event.id, job: jobAnswer(event.job) };
  }
}

export function workerAnswer(worker: WorkerView, instanceId: string): Worker {
  const { resources, labels, costPerSecond, hotCache = [] } = worker;
  const { hostname, ip_address } = labels;
  // Workers of ours count the models among the resources.
  const models = worker.installedModels ?? resources["installed_models"];
  return {
    worker_id: worker.workerId,
    worker_type: worker.workerType,
    supported_tasks: [...worker.types],
    max_concurrent_tasks: worker.maxConcurrentTasks,
    load: worker.running,
    status: worker.status,
    resources,
    labels,
    instance_id: instanceId,
    ...(hostname !== undefined && { hostname }),
    ...(ip_address !== undefined && { ip_address }),
    installed_models: Array.isArray(models) ? models : [],
    hot_cache: [...hotCache],
    ...(costPerSecond !== undefined && { cost_per_second: costPerSecond }),
    reputation: worker.reputation,
    ...(worker.usage && { usage: usageAnswer(worker.usage) }),
    connected_at: iso(worker.connectedAt),
  };
}

function usageAnswer({ cpu, memoryBytes, loopLagMs }: WorkerUsage): Worker["usage"] {
  return {
    ...(cpu !== undefined && { cpu }),
    ...(memoryBytes !== undefined && { memory_bytes: memoryBytes }),
    ...(loopLagMs !== undefined && { loop_lag_ms: loopLagMs }),
  };
}

function waitAnswer(wait: Reason): Wait {
  switch (wait.kind) {
    case "task":
      return {
        kind: "task",
        task_id: wait.taskId,
        task_type: wait.taskType,
        state: wait.state,
        attempt: wait.attempt,
        ...(wait.workerId !== undefined && { worker_id: wait.workerId }),
        since: iso(wait.since),
        ...(wait.until !== undefined && { until: iso(wait.until) }),
        ...(wait.why && { why: wait.why }),
        ...(wait.progress && { progress: progressAnswer(wait.progress) }),
        ...(wait.lastError && { last_error: failureAnswer(wait.lastError) }),
      };
    case "child":
      return {
        kind: "child",
        child: wait.child,
        job_id: wait.jobId,
        ...(wait.blueprint !== undefined && { blueprint_name: wait.blueprint }),
        ...(wait.status && { status: wait.status }),
        ...(wait.currentState !== undefined && { current_state: wait.currentState }),
        ...(wait.since !== undefined && { since: iso(wait.since) }),
      };
    case "approval":
      return {
        kind: "approval",
        decisions: [...wait.decisions],
        ...(wait.message !== undefined && { message: wait.message }),
        ...(wait.integration !== undefined && { integration: wait.integration }),
      };
    case "version":
      return {
        kind: "version",
        blueprint_name: wait.blueprint,
        blueprint_version: wait.version,
        reason: wait.reason,
        problems: [...wait.problems],
      };
    case "timer":
      return { kind: "timer", event: wait.event, due: iso(wait.due) };
    case "event":
      return { kind: "event", events: [...wait.events] };
  }
}

function progressAnswer({ ratio, message, data }: Progress): TaskProgress {
  return {
    ...(ratio !== undefined && { ratio }),
    ...(message !== undefined && { message }),
    ...(data !== undefined && { data }),
  };
}

export function failureAnswer({ code, message, details }: Failure): Failure {
  return { code, message, ...(details !== undefined && { details }) };
}

/** The last moment that the wire can say; a timer that is set for later means never. */
const lastMoment = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

function iso(time: number): string {
  return new Date(Math.min(time, lastMoment)).toISOString();
}
