// People decide over HTTP, in the original's words; and jobs over HTTP tell what they wait for.
import { expect, test } from "vitest";
import { flow } from "../../../src/blueprint/flow.ts";
import { jobIdIn, openHttpWorld, readAnswer } from "./http-world.ts";

const approval = flow("approval", { version: "1", endpoint: "/jobs/approval" })
  .state("start", { isStart: true, to: ["working", "failed"] }, (ctx) =>
    ctx.actions.awaitHumanApproval({
      message: "Go on?",
      transitions: { approved: "working", rejected: "failed" },
    }),
  )
  .state("working", { to: ["completed"] }, (ctx) =>
    ctx.actions.dispatchParallel({
      tasks: [{ type: "a" }, { type: "b" }],
      aggregateInto: "completed",
    }),
  )
  .build();

const open = async () => {
  const world = await openHttpWorld({}, [approval]);
  const decide = (jobId: string, body: unknown) =>
    world.call("POST", `/_public/webhooks/approval/${jobId}`, body);
  const jobId = jobIdIn(await world.call("POST", "/api/jobs/approval", {}));
  return { ...world, decide, jobId };
};

test("a decision is taken once, and only one that the job waits for", async () => {
  const world = await open();
  const { decide, jobId } = world;
  expect((await world.call("GET", `/api/jobs/${jobId}`)).body).toMatchObject({
    status: "waiting_for_human",
    waits: [{ kind: "approval", decisions: ["approved", "rejected"], message: "Go on?" }],
  });
  expect(await decide(jobId, { decision: "perhaps" })).toMatchObject({
    status: 400,
    body: { error: "Invalid decision 'perhaps' for this job" },
  });
  for (const body of [{}, { decision: "" }, { decision: 1 }])
    expect(await decide(jobId, body)).toMatchObject({
      status: 400,
      body: { error: "decision is required in body" },
    });
  expect(await decide(jobId, "{")).toMatchObject({
    status: 400,
    body: { error: "Invalid JSON body" },
  });
  const a = await world.worker("w", "a");
  expect(await decide(jobId, { decision: "approved" })).toMatchObject({
    status: 200,
    body: { status: "approval_received", job_id: jobId },
  });
  expect(await decide(jobId, { decision: "approved" })).toMatchObject({
    status: 409,
    body: { error: "Job is not in a state that can be approved" },
  });
  await a.succeed(a.accept(), { n: 1 });
  const { taskId } = a.tasks[0]!;
  expect((await world.call("GET", `/api/jobs/${jobId}`)).body).toMatchObject({
    status: "waiting_for_parallel_tasks",
    aggregation_target: "completed",
    active_branches: [taskId.replace(/0$/, "1")],
    aggregation_results: { [taskId]: { status: "success", data: { n: 1 } } },
  });
});

test("nobody decides without a token, and nothing for a job that is not there", async () => {
  const { app, decide, jobId } = await open();
  const anonymous = await app.request(`/_public/webhooks/approval/${jobId}`, {
    method: "POST",
    body: JSON.stringify({ decision: "approved" }),
  });
  expect(await readAnswer(anonymous)).toMatchObject({ status: 401 });
  expect(await decide("0_nothing", { decision: "approved" })).toMatchObject({ status: 404 });
});

test("a child job and its parent name each other", async () => {
  const parent = flow("parent", { version: "1", endpoint: "/jobs/parent" })
    .state("start", { isStart: true, to: ["completed"] }, (ctx) =>
      ctx.actions.runBlueprint({ blueprint: "approval", transitions: { success: "completed" } }),
    )
    .build();
  const world = await openHttpWorld({}, [parent, approval]);
  const jobId = jobIdIn(await world.call("POST", "/api/jobs/parent", {}));
  await world.clock.advance(0);
  const { body } = await world.call("GET", `/api/jobs/${jobId}`);
  const childId = (body as { child_job_id: string }).child_job_id;
  expect(body).toMatchObject({
    status: "waiting_for_sub_job",
    waits: [
      { kind: "child", job_id: childId, blueprint_name: "approval", status: "waiting_for_human" },
    ],
  });
  expect((await world.call("GET", `/api/jobs/${childId}`)).body).toMatchObject({
    parent_job_id: jobId,
  });
});
