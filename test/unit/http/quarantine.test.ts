// The quarantine over HTTP: its list with reasons, and driving jobs again.
import { afterEach, beforeEach, expect, test } from "vitest";
import { contract } from "../../../src/protocol/contract.ts";
import type { ScriptedWorker } from "../../support/scripted-worker.ts";
import { work } from "../../support/work-world.ts";
import { jobIdIn, openHttpWorld, opsToken, type HttpWorld } from "./http-world.ts";

let world: HttpWorld;
let worker: ScriptedWorker;
beforeEach(async () => {
  world = await openHttpWorld({}, [work("one"), work("other", { retry: { maxAttempts: 1 } })]);
  worker = await world.worker("w", "work");
});
afterEach(() => world.runtime.stop());

async function quarantined(blueprint: string, code = "PERMANENT_ERROR"): Promise<string> {
  const id = jobIdIn(await world.call("POST", "/jobs", { blueprint, data: { n: 1 } }));
  await worker.fail(worker.accept(), code, "no disk");
  return id;
}

test("jobs are listed with their reasons, filtered and page by page", async () => {
  const first = await quarantined("one");
  const second = await quarantined("other", "MY_ERROR");
  const { status, body } = await world.call("GET", "/api/v1/jobs/quarantined");
  expect(status).toBe(200);
  expect(contract.listQuarantinedJobs.answers[200].schema.parse(body)).toEqual(body);
  expect(body).toMatchObject({
    jobs: [
      { id: second, status: "quarantined", error: { code: "MY_ERROR", message: "no disk" } },
      { id: first, blueprint_name: "one", error: { code: "PERMANENT_ERROR" } },
    ],
  });
  const list = async (query: string) =>
    (await world.call("GET", `/api/jobs/quarantined${query}`)).body;
  expect(await list("?blueprint=one")).toMatchObject({ jobs: [{ id: first }] });
  expect(await list("?code=MY_ERROR")).toMatchObject({ jobs: [{ id: second }] });
  expect(await list("?limit=1")).toMatchObject({
    jobs: [{ id: second }],
    next: expect.any(String),
  });
  expect(await world.call("GET", "/api/jobs/quarantined?limit=0")).toMatchObject({ status: 400 });
});

test("a job is driven again, with other params where they are given", async () => {
  const id = await quarantined("one");
  expect(await world.call("POST", `/api/v1/jobs/${id}/redrive`)).toMatchObject({
    status: 202,
    body: { status: "accepted", job_id: id, revision: 3, job_status: "waiting_for_worker" },
  });
  await worker.fail(worker.accept(), "PERMANENT_ERROR");
  const ann = { "x-avtomatika-token": opsToken, "x-avtomatika-client": "ann" };
  await world.call("POST", `/api/v1/jobs/${id}/redrive`, { params: { n: 2 } }, ann);
  const { body: steps } = await world.call("GET", `/api/v1/jobs/${id}/history`);
  expect(
    (steps as { message: { type: string } }[]).filter(({ message }) => message.type === "redrive"),
  ).toMatchObject([{ message: { by: "a client" } }, { message: { by: "token ops: ann" } }]);
  expect(worker.tasks.map(({ params }) => params)).toEqual([{ n: 1 }, { n: 1 }, { n: 2 }]);
  await worker.succeed(worker.accept());
  expect((await world.call("GET", `/api/jobs/${id}`)).body).toMatchObject({ finished: true });
  expect(await world.call("POST", `/api/v1/jobs/${id}/redrive`)).toMatchObject({
    status: 409,
    body: { code: "job.not_redrivable" },
  });
  expect(await world.call("POST", "/api/v1/jobs/0_no/redrive")).toMatchObject({ status: 404 });
  expect(await world.call("POST", `/api/v1/jobs/${id}/redrive`, { param: 1 })).toMatchObject({
    status: 400,
  });
});

test("all jobs that a filter leaves are driven again", async () => {
  const ids = [await quarantined("one"), await quarantined("one")];
  const left = await quarantined("other");
  const { body } = await world.call("POST", "/api/v1/jobs/quarantined/redrive", {
    blueprint: "one",
  });
  expect(contract.redriveJobs.answers[200].schema.parse(body)).toEqual({
    redriven: ids.toReversed(),
    refused: [],
  });
  expect((await world.call("POST", "/api/jobs/quarantined/redrive")).body).toEqual({
    redriven: [left],
    refused: [],
  });
  expect((await world.call("GET", "/api/jobs/quarantined")).body).toEqual({ jobs: [] });
});
