// What becomes of a Python worker's result, in each of the shapes that its library and its documents have.
import { afterEach, beforeEach, expect, test, describe } from "vitest";
import { openOlderWorld, type OlderWorld } from "./older-world.ts";

let world: OlderWorld;
beforeEach(async () => {
  world = await openOlderWorld();
});
afterEach(() => world.close());

describe("a result", () => {
  const given = async () => {
    await world.register("w1");
    await world.startJob();
    return (await world.poll("w1")).body;
  };

  test.each([
    ["success", { status: "success", data: { a: 1 } }, "success", "completed"],
    ["no status", { data: { a: 1 } }, "success", "completed"],
    ["an empty object", {}, "success", "completed"],
    ["null", null, "success", "completed"],
    ["nothing", undefined, "success", "completed"],
  ])("with %s is accepted with 200", async (_, result, word, state) => {
    const task = await given();
    const { status, text } = await world.result("w1", task, result);
    expect({ status, text }).toEqual({
      status: 200,
      text: `{"status": "result_accepted_${word}"}`,
    });
    expect((await world.job(String(task["job_id"]))).currentState).toBe(state);
  });

  test.each([
    [
      "a code and a message",
      { error: { code: "PERMANENT_ERROR", message: "m" } },
      "PERMANENT_ERROR",
      "m",
    ],
    [
      "details",
      { error: { code: "INVALID_INPUT_ERROR", message: "m", details: [1] } },
      "INVALID_INPUT_ERROR",
      "m",
    ],
    [
      "an error type beside it",
      { error_type: "PERMANENT_ERROR", error_message: "m" },
      "PERMANENT_ERROR",
      "m",
    ],
    [
      "an error type and a text",
      { error: "m", error_type: "PERMANENT_ERROR" },
      "PERMANENT_ERROR",
      "m",
    ],
  ])("that failed for good, with %s, ends the task", async (_, members, code, message) => {
    const task = await given();
    const { text } = await world.result("w1", task, { status: "failure", ...members });
    expect(text).toBe('{"status": "result_accepted_failure"}');
    const job = await world.job(String(task["job_id"]));
    expect(job.currentState).toBe("failed");
    expect(job.data).toMatchObject({ error: { code, message } });
  });

  test.each([
    ["a text", { error: "flaky" }, "flaky"],
    ["a message beside it", { error_message: "Unsupported task: x" }, "Unsupported task: x"],
    ["an object", { error: { code: "TRANSIENT_ERROR", message: "flaky" } }, "flaky"],
    ["a code of its own", { error: { code: "QUOTA_EXCEEDED", message: "flaky" } }, "flaky"],
    ["nothing at all", {}, ""],
  ])("that failed with %s is tried again", async (_, members, message) => {
    const task = await given();
    await world.result("w1", task, { status: "failure", ...members });
    const job = await world.job(String(task["job_id"]));
    expect(job.waits).toMatchObject([{ state: "delayed", lastError: { message } }]);
  });

  test("that is cancelled, of a task that another worker was given, changes nothing and is logged", async () => {
    const task = await given();
    const { text } = await world.result("w2", task, { status: "cancelled" });
    expect(text).toBe('{"status": "ignored", "reason": "stale_task"}');
    expect(await world.store.loadTask(String(task["task_id"]))).toMatchObject({
      state: "leased",
      settled: 0,
    });
    expect(world.logged.join("")).toMatch(/"workerId":"w2".*"result ignored"/);
  });

  test("that is cancelled, though nobody asked for that, puts the task back without using up a try", async () => {
    const task = await given();
    const { text } = await world.result("w1", task, { status: "cancelled" });
    expect(text).toBe('{"status": "result_accepted_cancelled"}');
    const job = await world.job(String(task["job_id"]));
    expect(job).toMatchObject({ status: "waiting_for_worker", waits: [{ state: "delayed" }] });
    expect(job.waits[0]).not.toHaveProperty("lastError");
    await world.clock.advance(1_000);
    const again = (await world.poll("w1")).body;
    expect(again).toMatchObject({
      job_id: task["job_id"],
      task_id: `${String(task["task_id"])}@2`,
    });
  });

  test.each([
    [
      "more than a megabyte",
      { status: "success", data: { text: "x".repeat(1024 * 1024) } },
      "larger",
    ],
    ["JSON that nests too deep", { data: nested(100) }, "deeper"],
    ["a dangerous key", JSON.parse('{"data": {"__proto__": {"isAdmin": true}}}'), "__proto__"],
    ["a number instead of an object", 7, "neither an object nor nothing"],
    ["a status that is no text", { status: 7 }, "status"],
  ])(
    "with %s ends the task with a reason, instead of being sent again and again",
    async (_, result, reason) => {
      const task = await given();
      expect((await world.result("w1", task, result)).status).toBe(200);
      const job = await world.job(String(task["job_id"]));
      expect(job.currentState).toBe("failed");
      expect(job.data).toMatchObject({
        error: { code: "PERMANENT_ERROR", message: expect.stringContaining(reason) },
      });
    },
  );

  test.each([
    [{ job_id: "j", worker_id: "w1" }, 400, "job_id and task_id are required"],
    [{ task_id: "t", worker_id: "w1" }, 400, "job_id and task_id are required"],
    [{ job_id: "j", task_id: "j:1" }, 400, "Could not identify authenticated worker."],
  ])("without %j is refused", async (body, status, error) => {
    const answer = await world.call("POST", "/_worker/tasks/result", body);
    expect(answer).toMatchObject({ status, text: `{"error": "${error}"}` });
  });

  test("that the store can't take now is to be sent again", async () => {
    const task = await given();
    await world.store.close();
    expect((await world.result("w1", task, {})).status).toBe(503);
  });
});

function nested(depth: number): unknown {
  return depth === 0 ? 1 : { a: nested(depth - 1) };
}
