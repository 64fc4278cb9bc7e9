// The older dialect as its callers see it: routes, answers to the byte, and what is refused.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WorkerTokens } from "../../../src/gateway/worker-tokens.ts";
import { eventually } from "../../support/eventually.ts";
import { openOlderWorld, sdkRegistration, token, type OlderWorld } from "./older-world.ts";

let world: OlderWorld;
beforeEach(async () => {
  world = await openOlderWorld();
});
afterEach(() => world.close());

describe("a registration", () => {
  test("is answered as Python writes it", async () => {
    const { status, text, headers } = await world.register("w1");
    expect({ status, text }).toEqual({ status: 200, text: '{"status": "registered"}' });
    expect(headers["content-type"]).toBe("application/json; charset=utf-8");
  });

  test("shows the worker in lists with what it said, and not with a reputation of its own", async () => {
    await world.register("w1", {
      reputation: 99,
      hot_cache: ["llama"],
      cost_per_second: 0.5,
      installed_models: [{ name: "llama", version: "3" }],
    });
    expect(world.runtime.workers.list()).toEqual([
      {
        workerId: "w1",
        workerType: "test-worker",
        types: ["echo"],
        maxConcurrentTasks: 5,
        running: 0,
        freeSlots: 5,
        slotsMax: 5,
        asking: 0,
        status: "idle",
        connectedAt: expect.any(Number),
        labels: { hostname: "host", ip_address: "127.0.0.1" },
        resources: { cpu_cores: 4, gpu_info: null },
        costPerSecond: 0.5,
        installedModels: [{ name: "llama", version: "3" }],
        hotCache: ["llama"],
        reputation: 1,
      },
    ]);
  });

  test.each([
    ["no worker id", { worker_type: "x" }],
    ["an id that is no text", { worker_id: 7 }],
    ["an empty id", { worker_id: "" }],
    ["a path as its id", { worker_id: "../w1" }],
  ])("is refused with %s", async (_, body) => {
    const { status, text } = await world.call("POST", "/_worker/workers/register", body);
    expect({ status, text }).toEqual({
      status: 400,
      text: '{"error": "Missing required field: worker_id"}',
    });
  });

  test.each(["", "{", "[]", "null", '"w1"'])("is refused with the body %j", async (body) => {
    const { status, text } = await world.call("POST", "/_worker/workers/register", body);
    expect({ status, text }).toEqual({ status: 400, text: '{"error": "Invalid JSON body"}' });
  });

  test("is refused where it is larger than anything a worker could have to say", async () => {
    const answer = await world.register("w1", { resources: { text: "x".repeat(64 * 1024) } });
    expect(answer).toMatchObject({ status: 413, headers: { connection: "close" } });
  });

  test("leaves out what it cannot understand", async () => {
    const odd = { max_concurrent_tasks: "many", resources: 7, hot_cache: { a: 1 }, load: "x" };
    expect((await world.register("w1", odd)).status).toBe(200);
    expect(world.runtime.workers.list()).toMatchObject([{ maxConcurrentTasks: 10, resources: {} }]);
  });
});

describe("a heartbeat", () => {
  test("is answered with all that is known of the worker", async () => {
    await world.register("w1");
    const body = { load: 0, status: "idle", supported_tasks: ["echo"], hot_cache: ["llama"] };
    expect((await world.heartbeat("w1", body)).body).toEqual({
      ...sdkRegistration,
      load: 0,
      status: "idle",
      hot_cache: ["llama"],
    });
    expect(world.runtime.workers.list()).toMatchObject([{ hotCache: ["llama"] }]);
  });

  test.each(["", "no json", "[]"])(
    "with the body %j only says that the worker lives",
    async (body) => {
      await world.register("w1");
      const { status, text } = await world.call("PATCH", "/_worker/workers/w1", body);
      expect({ status, text }).toEqual({ status: 200, text: '{"status": "ttl_refreshed"}' });
    },
  );

  test("takes a worker in that is not known", async () => {
    expect((await world.heartbeat("stranger")).status).toBe(200);
    expect(world.runtime.workers.list()).toMatchObject([{ workerId: "stranger", types: ["echo"] }]);
  });

  test("of a busy worker, which names no tasks, does not forget what it can do", async () => {
    await world.register("w1");
    await world.heartbeat("w1", { load: 5, status: "busy", supported_tasks: [], hot_cache: [] });
    expect(world.runtime.workers.list()).toMatchObject([{ types: ["echo"] }]);
  });
});

describe("a poll", () => {
  test("gives a task as Python writes it", async () => {
    await world.register("w1");
    const jobId = await world.startJob({ text: "háló" });
    const { status, text, body } = await world.poll("w1");
    expect(status).toBe(200);
    expect(text).toBe(
      `{"job_id": "${jobId}", "task_id": "${String(body["task_id"])}", "type": "echo", ` +
        `"params": {"text": "h\\u00e1l\\u00f3"}, "tracing_context": {}, "priority": 5}`,
    );
  });

  test("is held for 30 seconds, and then answered with nothing", async () => {
    await world.register("w1");
    let answered = false;
    const poll = world.poll("w1").finally(() => (answered = true));
    await world.asked("w1");
    await world.clock.advance(29_999);
    expect(answered).toBe(false);
    await eventually(async () => {
      await world.clock.advance(1_000);
      return answered;
    });
    expect(await poll).toMatchObject({ status: 204, text: "" });
  });

  test("that is held gets a task that comes up meanwhile", async () => {
    await world.register("w1");
    const poll = world.poll("w1");
    await world.asked("w1");
    const jobId = await world.startJob();
    expect((await poll).body).toMatchObject({ job_id: jobId });
  });

  test("gets a task of a type that its worker names for the first time", async () => {
    await world.startJob();
    const poll = world.poll("w1");
    await world.asked("w1");
    await world.heartbeat("w1");
    expect((await poll).body).toMatchObject({ type: "echo" });
  });

  test("gets no task of a type that its worker does not take just now", async () => {
    await world.register("w1", { supported_tasks: ["echo", "other"] });
    await world.heartbeat("w1", { load: 1, status: "idle", supported_tasks: ["other"] });
    await world.startJob();
    const poll = world.poll("w1");
    await world.asked("w1");
    await world.clock.advance(10);
    await world.heartbeat("w1", { load: 0, status: "idle", supported_tasks: ["echo", "other"] });
    expect((await poll).status).toBe(200);
  });

  test("is answered at once when the server stops", async () => {
    await world.register("w1");
    const poll = world.poll("w1");
    await world.asked("w1");
    await world.gateway.close(0);
    expect((await poll).status).toBe(204);
    expect((await world.poll("w1")).status).toBe(503);
  });
});

describe("tokens", () => {
  const bare = (path: string, method = "GET", headers = {}) =>
    world.call(method, path, undefined, headers);

  test.each([
    [{}, "Missing X-Worker-Token header"],
    [{ "x-worker-token": "wrong" }, "Unauthorized: No valid token found"],
    [{ authorization: "Bearer wrong" }, "Unauthorized: No valid token found"],
  ])("%j is refused", async (headers, error) => {
    const { status, text } = await bare("/_worker/workers/w1/tasks/next", "GET", headers);
    expect({ status, text }).toEqual({ status: 401, text: `{"error": "${error}"}` });
  });

  test("are read from the Authorization header, too", async () => {
    const { status } = await bare("/_worker/workers/w1", "PATCH", {
      authorization: `Bearer ${token}`,
    });
    expect(status).toBe(200);
  });

  test("of a worker's own replace the shared one for its id, and are good for no other", async () => {
    await world.close();
    world = await openOlderWorld({
      tokens: new WorkerTokens(token, new Map([["w1", { token: "own-token" }]])),
    });
    const as = async (id: string, secret: string) => {
      const headers = { "x-worker-token": secret };
      const { status, text } = await world.call("PATCH", `/_worker/workers/${id}`, "", headers);
      return status === 200 ? 200 : text;
    };
    expect(await as("w1", "own-token")).toBe(200);
    expect(await as("w2", token)).toBe(200);
    expect(await as("w1", token)).toBe(
      '{"error": "Unauthorized: Invalid individual worker token"}',
    );
    expect(await as("w2", "own-token")).toBe('{"error": "Unauthorized: No valid token found"}');
  });

  test("of a worker's own are good for the task types that they name, and for no other", async () => {
    await world.close();
    world = await openOlderWorld({
      tokens: new WorkerTokens(token, new Map([["w1", { token: "own", taskTypes: ["echo"] }]])),
    });
    const headers = { "x-worker-token": "own" };
    const offer = (supported_tasks: readonly string[]) => {
      const body = { worker_id: "w1", supported_tasks };
      return world.call("POST", "/_worker/workers/register", body, headers);
    };
    expect((await offer(["echo"])).status).toBe(200);
    const more = await offer(["echo", "pay_out"]);
    expect([more.status, more.text]).toEqual([
      403,
      '{"error": "Forbidden: The token is not good for tasks of the type pay_out"}',
    ]);
    const beat = { supported_tasks: ["pay_out"] };
    expect((await world.call("PATCH", "/_worker/workers/w1", beat, headers)).status).toBe(403);
    expect(world.runtime.workers.list()).toMatchObject([{ types: ["echo"] }]);
  });

  test("of a worker's own say whose result it is", async () => {
    await world.close();
    world = await openOlderWorld({
      tokens: new WorkerTokens(token, new Map([["w1", { token: "own-token" }]])),
    });
    const body = { job_id: "0_j", task_id: "0_j:e.1.0", result: {} };
    const headers = { "x-worker-token": "own-token" };
    const answer = await world.call("POST", "/_worker/tasks/result", body, headers);
    expect(answer.text).toBe('{"status": "ignored", "reason": "unknown_task"}');
    const stranger = { ...body, worker_id: "w2" };
    expect((await world.call("POST", "/_worker/tasks/result", stranger, headers)).status).toBe(401);
  });
});

describe("the plain routes", () => {
  test("register, give tasks as a list, and take results", async () => {
    const registration = { worker_id: "w1", worker_type: "t", task_types: ["echo"], resources: {} };
    const headers = { authorization: `Bearer ${token}` };
    const call = (method: string, path: string, body?: unknown) =>
      world.call(method, path, body, headers);
    expect((await call("POST", "/workers/register", registration)).text).toBe(
      '{"status":"registered"}',
    );
    expect((await call("POST", "/workers/w1/heartbeat", {})).text).toBe('{"status":"ok"}');
    const jobId = await world.startJob({ text: "hi" });
    const { text } = await call("GET", "/workers/w1/tasks");
    const [task] = JSON.parse(text) as Record<string, unknown>[];
    expect(task).toMatchObject({ job_id: jobId, task_type: "echo", params: { text: "hi" } });
    const result = { status: "success", data: { n: 1 } };
    const { job_id, task_id } = task!;
    const answer = await call("POST", "/tasks/result", {
      job_id,
      task_id,
      worker_id: "w1",
      result,
    });
    expect(answer.text).toBe('{"status":"result_accepted_success"}');
    expect(await world.job(jobId)).toMatchObject({ currentState: "completed", data: { n: 1 } });
  });

  test("give as many tasks as the worker takes at once, and no more", async () => {
    await world.register("w1", { max_concurrent_tasks: 2 });
    for (let n = 0; n < 3; n++) await world.startJob();
    const tasks = JSON.parse((await world.call("GET", "/workers/w1/tasks")).text) as unknown[];
    expect(tasks).toHaveLength(2);
  });

  test("give an empty list where nothing waits", async () => {
    await world.register("w1");
    const answer = world.call("GET", "/workers/w1/tasks");
    await eventually(async () => {
      await world.clock.advance(1_000);
      return Promise.race([answer, Promise.resolve(undefined)]).then((one) => one !== undefined);
    });
    expect((await answer).text).toBe("[]");
  });
});

test.each([
  ["DELETE", "/_worker/workers/w1", "PATCH"],
  ["GET", "/_worker/workers/register", "POST"],
  ["PUT", "/tasks/result", "POST"],
])("%s %s is answered with the method that is taken", async (method, path, allow) => {
  const answer = await world.call(method, path);
  expect(answer.status).toBe(405);
  expect(answer.headers["allow"]).toContain(allow);
});

test("other paths are left to the caller", async () => {
  expect((await world.call("GET", "/_worker/elsewhere")).status).toBe(404);
  expect((await world.call("POST", "/_public/debug/flush_db")).status).toBe(404);
});
