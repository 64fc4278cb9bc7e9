// The past of jobs over HTTP: steps as a replay tells them, the job of then, and starting again.
import { z } from "zod";
import { beforeEach, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { JobMoment, JobStep } from "../../../src/protocol/job.ts";
import { jobIdIn, openHttpWorld, type HttpWorld } from "./http-world.ts";

let world: HttpWorld;
let jobId: string;
beforeEach(async () => {
  world = await openHttpWorld();
  jobId = jobIdIn(await world.call("POST", "/api/v2/doors", { name: "front" }));
  for (const type of ["OPEN", "CLOSE", "LOCK"])
    await world.call("POST", `/api/jobs/${jobId}/events`, { type });
});

test("a replayed history has where the job was before, and what each step started", async () => {
  const { body } = await world.call("GET", `/api/v1/jobs/${jobId}/history?replayed=true&after=1`);
  const steps = z.array(JobStep).parse(body);
  expect(steps.map((step) => [step.previous_state, step.current_state, step.started])).toEqual([
    ["closed", "open", []],
    ["open", "closed", []],
    ["closed", "locked", []],
  ]);
  const flow = jobIdIn(await world.call("POST", "/api/v1/jobs/test", { input: "x" }));
  const answer = await world.call("GET", `/api/v1/jobs/${flow}/history?replayed=true`);
  const started = z
    .array(JobStep)
    .parse(answer.body)
    .map((step) => step.started);
  expect(started.flat()).toContainEqual({ child: "task", kind: "task", name: "echo_task" });
});

test("a revision is the job of then", async () => {
  const { status, body } = await world.call("GET", `/api/v1/jobs/${jobId}/revisions/2`);
  expect(status).toBe(200);
  expect(JobMoment.parse(body)).toMatchObject({
    job_id: jobId,
    blueprint_name: "door",
    blueprint_version: "2",
    revision: 2,
    previous_state: "closed",
    current_state: "open",
    status: "waiting_for_event",
    message: { type: "event", event: { type: "OPEN" } },
    data: { name: "front", opened: 1 },
  });
});

test.each([
  ["revisions/9", 404, "job.revision_not_found"],
  ["revisions/x", 400, "request.invalid"],
  ["revisions/0", 400, "request.invalid"],
])("%s is answered %i %s", async (path, status, code) => {
  expect(await world.call("GET", `/api/v1/jobs/${jobId}/${path}`)).toMatchObject({
    status,
    body: { code },
  });
});

test("a restart tells the new job, and who asked for it", async () => {
  const path = `/api/v1/jobs/${jobId}/restart`;
  const body = { revision: 2, context: { name: "back" } };
  const answer = await world.call("POST", path, body, { "x-avtomatika-client": "ann" });
  expect(answer).toMatchObject({
    status: 202,
    body: { status: "accepted", restarted_from: { job_id: jobId, revision: 2 } },
  });
  const again = jobIdIn(answer);
  expect((await world.call("GET", `/api/v1/jobs/${again}`)).body).toMatchObject({
    current_state: "open",
    data: { name: "back", opened: 1 },
    restarted_from: { job_id: jobId, revision: 2 },
  });
  const old = await eventually(async () => {
    const { body: job } = await world.call("GET", `/api/v1/jobs/${jobId}`);
    return z.object({ restarted_as: z.array(z.string()) }).safeParse(job).data;
  });
  expect(old.restarted_as).toEqual([again]);
  const history = await world.call("GET", `/api/v1/jobs/${jobId}/history?after=4`);
  expect(history.body).toMatchObject([
    { revision: 5, message: { type: "restarted", by: "ann", edited: { name: "back" } } },
  ]);
});

test.each([
  [{ revision: 4 }, 409, "job.not_restartable"],
  [{ revision: 7 }, 404, "job.revision_not_found"],
  [{ revision: 0 }, 400, "request.invalid"],
  [{ revision: 1, context: [] }, 400, "request.invalid"],
  [{ revision: 1, contxt: {} }, 400, "request.invalid"],
])("a restart with %j is refused with %i %s", async (body, status, code) => {
  expect(await world.call("POST", `/api/v1/jobs/${jobId}/restart`, body)).toMatchObject({
    status,
    body: { code },
  });
});
