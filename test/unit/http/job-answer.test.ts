// Jobs, events and workers in the words of the wire, member by member.
import { expect, test } from "vitest";
import {
  jobAnswer,
  plainJobAnswer,
  streamAnswer,
  workerAnswer,
} from "../../../src/http/job-answer.ts";
import { Job, PlainJob, Worker } from "../../../src/protocol/job.ts";
import { StreamEvent } from "../../../src/protocol/job-event.ts";
import type { JobEvent, JobView } from "../../../src/runtime/runtime.ts";

const at = Date.UTC(2026, 0, 1);
const iso = "2026-01-01T00:00:00.000Z";

const waiting: JobView = {
  jobId: "0_x",
  blueprint: "order",
  version: "3",
  style: "native",
  revision: 4,
  status: "waiting_for_parallel_tasks",
  currentState: "paying.card,packing",
  stateValue: { paying: "card", packing: {} },
  data: { amount: 7 },
  waits: [
    {
      kind: "task",
      taskId: "0_x:1.2.3",
      taskType: "charge",
      state: "delayed",
      attempt: 2,
      workerId: "w1",
      since: at,
      until: at,
      progress: { ratio: 0.5, message: "half", data: [1] },
      lastError: { code: "TRANSIENT_ERROR", message: "again", details: { n: 1 } },
    },
    { kind: "timer", event: "REMIND", due: at },
    { kind: "event", events: ["STOP"] },
  ],
  activeStates: ["order.paying.card", "order.packing"],
  workerId: "w1",
  createdAt: at,
  updatedAt: at,
};
const failed: JobView = {
  ...waiting,
  style: "flow",
  status: "quarantined",
  currentState: "start",
  stateValue: "start",
  initialData: { a: 1 },
  output: null,
  error: { code: "PERMANENT_ERROR", message: "no" },
  waits: [],
};

test("a timer that is never to fire is due at the last moment that can be told", () => {
  const due = Number.MAX_SAFE_INTEGER;
  const answer = jobAnswer({ ...waiting, waits: [{ kind: "timer", event: "NEVER", due }] });
  expect(Job.parse(answer).waits).toEqual([
    { kind: "timer", event: "NEVER", due: "9999-12-31T23:59:59.999Z" },
  ]);
});

test("a job that waits says for what, since when and until when", () => {
  const answer = jobAnswer(waiting);
  expect(Job.parse(answer)).toEqual(answer);
  expect(answer).toEqual({
    id: "0_x",
    job_id: "0_x",
    blueprint_name: "order",
    blueprint_version: "3",
    current_state: "paying.card,packing",
    state_value: { paying: "card", packing: {} },
    active_states: ["order.paying.card", "order.packing"],
    status: "waiting_for_parallel_tasks",
    finished: false,
    revision: 4,
    initial_data: null,
    state_history: { amount: 7 },
    data: { amount: 7 },
    task_worker_id: "w1",
    created_at: iso,
    updated_at: iso,
    waits: [
      {
        kind: "task",
        task_id: "0_x:1.2.3",
        task_type: "charge",
        state: "delayed",
        attempt: 2,
        worker_id: "w1",
        since: iso,
        until: iso,
        progress: { ratio: 0.5, message: "half", data: [1] },
        last_error: { code: "TRANSIENT_ERROR", message: "again", details: { n: 1 } },
      },
      { kind: "timer", event: "REMIND", due: iso },
      { kind: "event", events: ["STOP"] },
    ],
  });
});

test("a job that failed says why, as the original and as data", () => {
  expect(jobAnswer(failed)).toMatchObject({
    finished: true,
    initial_data: { a: 1 },
    output: null,
    error: { code: "PERMANENT_ERROR", message: "no" },
    error_message: "no",
  });
  const plain = plainJobAnswer(failed);
  expect(PlainJob.parse(plain)).toEqual(plain);
  expect(plain).toEqual({
    job_id: "0_x",
    blueprint: "order",
    state: "start",
    status: "quarantined",
    data: { amount: 7 },
    output: null,
    error: { code: "PERMANENT_ERROR", message: "no" },
    created_at: iso,
    updated_at: iso,
  });
});

const jobId = "0_x";
test.each<JobEvent>([
  { type: "state", id: 3, jobId, currentState: "a", status: "running", at },
  {
    type: "progress",
    jobId,
    taskId: "t",
    child: "c",
    taskType: "charge",
    attempt: 1,
    progress: { ratio: 1 },
  },
  { type: "emitted", jobId, event: { type: "creaked", loudly: true } },
  { type: "finished", id: 4, jobId, job: failed },
])("the $type event is what the contract says", (event) => {
  const answer = streamAnswer(event);
  expect(StreamEvent.parse(answer)).toEqual(answer);
  expect(answer).toMatchObject({ type: event.type, job_id: "0_x" });
});

test("a worker has the original's member names", () => {
  const worker = {
    workerId: "w1",
    workerType: "gpu",
    types: ["a"],
    maxConcurrentTasks: 2,
    running: 2,
    freeSlots: 0,
    slotsMax: 2,
    status: "busy",
    connectedAt: at,
    labels: { zone: "a" },
    resources: { cpu_cores: 4 },
    reputation: 0.9,
  } as const;
  const answer = workerAnswer(worker, "node-1");
  expect(Worker.parse(answer)).toEqual(answer);
  expect(answer).toMatchObject({
    supported_tasks: ["a"],
    load: 2,
    instance_id: "node-1",
    resources: { cpu_cores: 4 },
    reputation: 0.9,
  });
});
