// Starting, listing, waiting for, and sending events to jobs over HTTP.
import { z } from "zod";
import { beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { contract } from "../../../src/protocol/contract.ts";
import { JobStep, JobSummary } from "../../../src/protocol/job.ts";
import { jobIdIn, openHttpWorld, type HttpWorld } from "./http-world.ts";

const Page = contract.listJobPage.answers[200].schema;

let world: HttpWorld;
beforeEach(async () => {
  world = await openHttpWorld();
});

async function openDoor(headers: Record<string, string> = {}): Promise<string> {
  const answer = await world.call("POST", "/api/v2/doors", { name: "front" }, headers);
  expect(answer.status).toBe(202);
  return jobIdIn(answer);
}
const send = (jobId: string, event: unknown) =>
  world.call("POST", `/api/jobs/${jobId}/events`, event);

describe("start", () => {
  test("gives the same job for the same Idempotency-Key", async () => {
    const ids = await Promise.all([
      openDoor({ "idempotency-key": "k1" }),
      openDoor({ "idempotency-key": "k1" }),
      openDoor({ "idempotency-key": "k2" }),
    ]);
    expect(new Set(ids).size).toBe(2);
    expect(ids[0]).toBe(ids[1]);
  });

  test("refuses an Idempotency-Key that is too long to keep", async () => {
    const headers = { "idempotency-key": "k".repeat(257) };
    expect(await world.call("POST", "/api/v2/doors", { name: "front" }, headers)).toMatchObject({
      status: 400,
      body: { code: "request.invalid" },
    });
  });

  test("with Prefer: wait answers the job when it ends in time", async () => {
    const worker = await world.worker("w1", "process_data");
    const prefer = { prefer: "respond-async, wait=10" };
    const answer = world.call("POST", "/api/jobs/test", { input: "x" }, prefer);
    await worker.succeed(await eventually(() => worker.tasks[0]), { done: true });
    const { status, body, headers } = await answer;
    expect(status).toBe(200);
    expect(body).toMatchObject({ current_state: "completed", state_history: { done: true } });
    expect(headers.get("preference-applied")).toBe("wait=10");
  });

  test("with Prefer: wait accepts the job when it takes longer", async () => {
    const answer = world.call("POST", "/api/v2/doors", { name: "a" }, { prefer: "wait=10" });
    await eventually(() => world.clock.pending > 0);
    await world.clock.advance(10_000);
    expect(await answer).toMatchObject({ status: 202, body: { status: "accepted" } });
  });

  test("of an unknown blueprint is refused with the names of those there are", async () => {
    expect(await world.call("POST", "/jobs", { blueprint: "nope" })).toMatchObject({
      status: 404,
      body: { code: "blueprint.not_found", error: expect.stringContaining("test_flow") },
    });
  });

  test("with input that does not fit says what is wrong where", async () => {
    expect(await world.call("POST", "/api/v2/doors", { name: 7 })).toMatchObject({
      status: 422,
      body: {
        code: "blueprint.input_invalid",
        details: { issues: [{ path: "name", message: expect.any(String) }] },
      },
    });
    expect((await world.call("GET", "/api/jobs")).body).toEqual([]);
  });
});

describe("lists", () => {
  test("of archived jobs are refused by a server that has no archive", async () => {
    expect(await world.call("GET", "/api/jobs/page?archived=false")).toMatchObject({ status: 200 });
    expect(await world.call("GET", "/api/jobs/page?archived=true")).toMatchObject({
      status: 400,
      body: { code: "request.invalid", error: expect.stringContaining("HISTORY_DATABASE_URI") },
    });
  });

  test("of jobs are newest first, and take limit and offset", async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) {
      ids.unshift(await openDoor());
      await world.clock.advance(1);
    }
    const list = async (query: string) =>
      z
        .array(JobSummary)
        .parse((await world.call("GET", `/api/v1/jobs${query}`)).body)
        .map(({ id }) => id);
    expect(await list("")).toEqual(ids);
    expect(await list("?limit=2&offset=1")).toEqual(ids.slice(1, 3));
    expect(await list("?offset=5")).toEqual([]);
  });

  test.each(["limit=0", "limit=x", "offset=-1", "limit=1001", "offset=1e9"])(
    "of jobs refuse %s in the original's words",
    async (query) => {
      expect(await world.call("GET", `/api/jobs?${query}`)).toMatchObject({
        status: 400,
        body: { error: "Invalid limit/offset parameter", code: "request.invalid" },
      });
    },
  );

  test("go on page by page, filtered by status and blueprint", async () => {
    for (let n = 0; n < 3; n++) await openDoor();
    await world.call("POST", "/api/jobs/test", { input: "x" });
    const page = async (query: string) =>
      Page.parse((await world.call("GET", `/api/jobs/page?${query}`)).body);
    const first = await page("blueprint=door&limit=2");
    expect(first.jobs).toHaveLength(2);
    const second = await page(`blueprint=door&limit=2&cursor=${encodeURIComponent(first.next!)}`);
    expect(second.jobs).toHaveLength(1);
    expect(second).not.toHaveProperty("next");
    expect((await page("status=waiting_for_worker")).jobs).toMatchObject([
      { blueprint_name: "test_workflow" },
    ]);
  });

  test.each(["status=asleep", "cursor=%00", "limit=many"])("refuse %s", async (query) => {
    expect(await world.call("GET", `/api/jobs/page?${query}`)).toMatchObject({
      status: 400,
      body: { code: "request.invalid" },
    });
  });
});

describe("events", () => {
  test("move the job, and say at which revision", async () => {
    const jobId = await openDoor();
    const sent = await send(jobId, { type: "OPEN" });
    expect(sent).toMatchObject({ status: 202, body: { status: "accepted" } });
    expect((await world.call("GET", `/api/jobs/${jobId}`)).body).toMatchObject({
      current_state: "open",
      state_value: "open",
      initial_data: null,
      state_history: { name: "front", opened: 1 },
      revision: z.object({ revision: z.int() }).parse(sent.body).revision,
      waits: [{ kind: "event", events: ["CLOSE"] }],
    });
  });

  test("for which the job has no transition are ignored, and said to be", async () => {
    const jobId = await openDoor();
    expect(await send(jobId, { type: "CLOSE" })).toMatchObject({
      status: 200,
      body: { status: "ignored" },
    });
  });

  test.each(["xstate.done.actor.0.door", "xstate.after.1000.door.closed", "xstate.stop"])(
    "named %s are reserved",
    async (type) => {
      const jobId = await openDoor();
      expect(await send(jobId, { type })).toMatchObject({
        status: 400,
        body: { code: "event.reserved" },
      });
    },
  );

  test("need a type, a job, and a job that has not ended", async () => {
    const jobId = await openDoor();
    expect(await send(jobId, { kind: "OPEN" })).toMatchObject({
      status: 400,
      body: { code: "request.invalid", error: expect.stringContaining("type") },
    });
    expect((await send("nope", { type: "OPEN" })).status).toBe(404);
    await send(jobId, { type: "LOCK" });
    expect(await send(jobId, { type: "OPEN" })).toMatchObject({
      status: 409,
      body: { code: "job.finished" },
    });
  });
});

describe("history", () => {
  test("tells each step with what moved it, and goes on after a revision", async () => {
    const jobId = await openDoor();
    await send(jobId, { type: "OPEN" });
    const { body } = await world.call("GET", `/api/jobs/${jobId}/history`);
    expect(body).toMatchObject([
      { message: { type: "start", input: { name: "front" } }, current_state: "closed" },
      { message: { type: "event", event: { type: "OPEN" } }, current_state: "open" },
    ]);
    const [first, second] = z.tuple([JobStep, JobStep]).parse(body);
    const rest = await world.call("GET", `/api/jobs/${jobId}/history?after=${first.revision}`);
    expect(rest.body).toEqual([second]);
    expect((await world.call("GET", "/api/jobs/nope/history")).status).toBe(404);
  });
});

describe("wait", () => {
  test("answers at once for a job that has ended", async () => {
    const jobId = await openDoor();
    await send(jobId, { type: "LOCK" });
    expect((await world.call("GET", `/api/jobs/${jobId}/wait`)).body).toMatchObject({
      finished: true,
      current_state: "locked",
    });
  });

  test("answers as soon as the job ends", async () => {
    const jobId = await openDoor();
    const answer = world.call("GET", `/api/jobs/${jobId}/wait?timeout_ms=60000`);
    await eventually(() => world.clock.pending > 0);
    await send(jobId, { type: "LOCK" });
    expect((await answer).body).toMatchObject({ finished: true, status: "finished" });
  });

  test("answers the job as it is when the time is over", async () => {
    const jobId = await openDoor();
    const answer = world.call("GET", `/api/jobs/${jobId}/wait?timeout_ms=500`);
    await eventually(() => world.clock.pending > 0);
    await world.clock.advance(500);
    expect(await answer).toMatchObject({ status: 200, body: { finished: false } });
  });

  test("ends when the server stops", async () => {
    const jobId = await openDoor();
    const answer = world.call("GET", `/api/jobs/${jobId}/wait?timeout_ms=60000`);
    await eventually(() => world.clock.pending > 0);
    world.stop.abort();
    expect((await answer).body).toMatchObject({ finished: false });
    expect(await world.call("GET", `/api/jobs/${jobId}/wait`)).toMatchObject({
      status: 503,
      body: { code: "server.stopping" },
    });
  });

  test("refuses a time that is longer than connections live", async () => {
    const { body } = await world.call("GET", "/api/jobs/nope/wait?timeout_ms=99999999");
    expect(body).toMatchObject({ code: "request.invalid" });
  });
});
