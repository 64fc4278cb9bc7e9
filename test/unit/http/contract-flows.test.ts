// The calls and answers of the original's own test plans, word for word, and of the plain dialect.
import { beforeEach, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { Job } from "../../../src/protocol/job.ts";
import { clientToken, jobIdIn, openHttpWorld, type HttpWorld } from "./http-world.ts";

let world: HttpWorld;
beforeEach(async () => {
  world = await openHttpWorld();
});

test("an unversioned blueprint's job runs to its end", async () => {
  const worker = await world.worker("w1", "process_data");
  const started = await world.call("POST", "/api/jobs/test", { input: "SUCCESS TEST!" });
  expect(started.status).toBe(202);
  expect(started.headers.get("content-type")).toBe("application/json; charset=utf-8");
  const job_id = jobIdIn(started);
  expect(started.body).toEqual({ status: "accepted", job_id: expect.any(String) });

  const task = await eventually(() => worker.tasks[0]);
  expect(task.params).toEqual({ input: "SUCCESS TEST!" });
  const waiting = await world.call("GET", `/api/jobs/${job_id}`);
  expect(waiting.body).toMatchObject({
    status: "waiting_for_worker",
    finished: false,
    task_worker_id: "w1",
    waits: [{ kind: "task", task_type: "process_data", state: "leased", worker_id: "w1" }],
  });
  worker.accept();
  await worker.succeed(task, {
    processed_payload: "success test!",
    worker_id: "w1",
    message: "ok",
  });

  const { status, body } = await world.call("GET", `/api/jobs/${job_id}`);
  expect(status).toBe(200);
  expect(body).toMatchObject({
    id: job_id,
    job_id,
    blueprint_name: "test_workflow",
    blueprint_version: "1",
    current_state: "completed",
    initial_data: { input: "SUCCESS TEST!" },
    state_history: { processed_payload: "success test!", worker_id: "w1", message: "ok" },
    data: { processed_payload: "success test!", worker_id: "w1", message: "ok" },
    status: "finished",
    finished: true,
    waits: [],
    active_states: expect.any(Array),
    revision: expect.any(Number),
  });
  expect(Job.parse(body), "every member is one that the contract names").toEqual(body);
});

test("a versioned and an unversioned blueprint with the same endpoint are served side by side", async () => {
  const versioned = await world.call("POST", "/api/v1/jobs/test", {
    message: "Hello",
    multiply: 3,
  });
  const plain = await world.call("POST", "/api/jobs/test", { input: "x" });
  const started = { test_flow: versioned, test_workflow: plain };
  for (const [blueprint_name, answer] of Object.entries(started))
    for (const prefix of ["/api", "/api/v1", "/api/v2"])
      expect(await world.call("GET", `${prefix}/jobs/${jobIdIn(answer)}`)).toMatchObject({
        status: 200,
        body: { blueprint_name },
      });
});

test("a failing task leads the flow to its failure state, honestly finished", async () => {
  const worker = await world.worker("w1", "process_data");
  const jobId = jobIdIn(await world.call("POST", "/api/jobs/test", { input: "x" }));
  const task = await eventually(() => worker.tasks[0]);
  await worker.fail(task, "PERMANENT_ERROR", "no such input");
  const { body } = await world.call("GET", `/api/jobs/${jobId}`);
  expect(body).toMatchObject({ current_state: "failed", finished: true });
});

test("the plain dialect starts by name and tells the same job in its own words", async () => {
  const worker = await world.worker("w1", "process_data");
  const bearer = { authorization: `Bearer ${clientToken}` };
  const start = await world.app.request("/jobs", {
    method: "POST",
    headers: bearer,
    body: JSON.stringify({ blueprint: "test_workflow", data: { input: "x" } }),
  });
  expect(start.status).toBe(202);
  const text = await start.text();
  // The test script of the original looks for the id with a regular expression that knows no space.
  const jobId = /"job_id":"([^"]+)"/.exec(text)?.[1];
  expect(JSON.parse(text)).toEqual({ job_id: jobId, state: "init", status: "accepted" });

  const task = await eventually(() => worker.tasks[0]);
  await worker.succeed(task, { result: 7 });
  const { body } = await world.call("GET", `/jobs/${jobId}`);
  expect(body).toMatchObject({
    job_id: jobId,
    state: "completed",
    status: "finished",
    data: { result: 7 },
  });
});

test("a cancelled job keeps the reason that was given, and says so itself where none was", async () => {
  for (const [body, message] of [
    [{ reason: "ordered twice" }, "ordered twice"],
    [undefined, "cancelled by a client"],
    [{}, "cancelled by a client"],
  ] as const) {
    const path = `/api/jobs/${jobIdIn(await world.call("POST", "/api/jobs/test", { input: "x" }))}`;
    const cancelled = await world.call("POST", `${path}/cancel`, body);
    expect(cancelled.status).toBe(200);
    expect((await world.call("GET", path)).body).toMatchObject({ error: { message } });
  }
  expect(await world.call("POST", "/api/jobs/x/cancel", { reason: 7 })).toMatchObject({
    status: 400,
  });
});

test("both dialects cancel, and a job that has ended cannot be cancelled", async () => {
  for (const prefix of ["/api", "/api/v1", ""]) {
    const jobId = jobIdIn(await world.call("POST", "/api/jobs/test", { input: "x" }));
    const path = `${prefix}/jobs/${jobId}/cancel`;
    expect(await world.call("POST", path)).toMatchObject({
      status: 200,
      body: { status: "cancellation_request_accepted" },
    });
    expect((await world.call("GET", `/api/jobs/${jobId}`)).body).toMatchObject({
      status: "cancelled",
    });
    expect(await world.call("POST", path)).toMatchObject({
      status: 409,
      body: {
        error: expect.stringMatching(/^Job is not in a state that can be cancelled/),
        code: "job.finished",
      },
    });
  }
  expect(await world.call("POST", "/api/jobs/nope/cancel")).toMatchObject({
    status: 404,
    body: { error: "Job not found", code: "job.not_found" },
  });
});

test("workers are listed with the original's member names", async () => {
  await world.worker("py-worker-1", "noop", "echo_task");
  for (const path of ["/api/workers", "/api/v1/workers", "/workers"]) {
    const { body } = await world.call("GET", path);
    expect(body).toEqual([
      {
        worker_id: "py-worker-1",
        worker_type: "scripted",
        supported_tasks: ["noop", "echo_task"],
        max_concurrent_tasks: 10,
        resources: {},
        labels: {},
        installed_models: [],
        hot_cache: [],
        reputation: 1,
        load: 0,
        status: "idle",
        instance_id: "node-1",
        connected_at: expect.any(String),
      },
    ]);
  }
});

test("the dashboard counts workers, and jobs by status", async () => {
  await world.call("POST", "/api/v2/doors", { name: "front" });
  await world.worker("w1", "noop");
  expect((await world.call("GET", "/api/dashboard")).body).toEqual({
    workers: { total: 1 },
    jobs: { queued: 0, waiting_for_event: 1 },
  });
});

test("the public status needs no token", async () => {
  const answer = await world.app.request("/_public/status");
  expect([answer.status, await answer.json()]).toEqual([200, { status: "ok" }]);
});
