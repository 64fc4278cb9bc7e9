// What the Python system gets wrong with these workers, by the number of the defect, done right over the same wire.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { attemptOfWireId, wireIdOf } from "../../../src/gateway/older/wire-id.ts";
import { eventually } from "../../support/eventually.ts";
import { openOlderWorld, type OlderWorld } from "./older-world.ts";

let world: OlderWorld;
beforeEach(async () => {
  world = await openOlderWorld();
});
afterEach(() => world.close());

const waitOf = async (jobId: string) => (await world.job(jobId)).waits[0];

describe("6: a poller that has gone", () => {
  test("gets no task: the next poll has it", async () => {
    await world.register("w1");
    const gone = world.breakablePoll("w1");
    await world.asked("w1");
    gone.destroy();
    await world.asked("w1", 0);
    const jobId = await world.startJob();
    expect(await waitOf(jobId)).toMatchObject({ state: "queued" });
    expect((await world.poll("w1")).body).toMatchObject({ job_id: jobId });
  });

  test("while its lease is being written, loses the task to whoever asks next", async () => {
    await world.register("w1");
    const jobId = await world.startJob();
    const claim = world.store.claimTasks.bind(world.store);
    let proceed = (): void => undefined;
    const gate = new Promise<void>((resolve) => (proceed = resolve));
    world.store.claimTasks = async (asked) => {
      await gate;
      return claim(asked);
    };
    const gone = world.breakablePoll("w1");
    await world.asked("w1");
    gone.destroy();
    await world.asked("w1", 0);
    proceed();
    await eventually(
      async () => (await waitOf(jobId))?.kind === "task" && (await attempts(jobId)) === 1,
    );
    expect((await world.poll("w1")).body).toMatchObject({ job_id: jobId });
    expect((await world.job(jobId)).waits).not.toMatchObject([{ lastError: expect.anything() }]);
  });
});

const attempts = async (jobId: string): Promise<number> => {
  const wait = await waitOf(jobId);
  return wait?.kind === "task" ? wait.attempt : 0;
};

describe("7 and 8: a worker that dies", () => {
  test("with a task in hand loses it to another after its lease, and the job goes on", async () => {
    await world.register("dead");
    const jobId = await world.startJob();
    await world.poll("dead");
    await world.clock.advance(299_000);
    expect(await waitOf(jobId)).toMatchObject({ state: "leased", workerId: "dead" });
    await world.clock.advance(20_000);
    await world.register("alive");
    const task = (await world.poll("alive")).body;
    expect(task).toMatchObject({ job_id: jobId });
    await world.result("alive", task, {});
    expect((await world.job(jobId)).currentState).toBe("completed");
  });

  test("gets nothing more: tasks are not bound to it before it asks for them", async () => {
    await world.register("dead");
    await world.register("alive");
    const jobs = await Promise.all([world.startJob(), world.startJob(), world.startJob()]);
    for (const _ of jobs) {
      const task = (await world.poll("alive")).body;
      await world.result("alive", task, {});
    }
    for (const jobId of jobs) expect((await world.job(jobId)).currentState).toBe("completed");
  });

  test("is not listed any more once it has been silent for two minutes", async () => {
    await world.register("dead");
    await world.clock.advance(60_000);
    expect(world.runtime.workers.list()).toHaveLength(1);
    await world.clock.advance(90_000);
    expect(world.runtime.workers.list()).toHaveLength(0);
  });
});

describe("10: a handler that takes long", () => {
  test("keeps its task for as long as its worker says that it runs it", async () => {
    await world.register("w1");
    const jobId = await world.startJob();
    const task = (await world.poll("w1")).body;
    for (let minute = 0; minute < 30; minute++) {
      await world.clock.advance(60_000);
      await world.heartbeat("w1", { load: 1, status: "idle", supported_tasks: ["echo"] });
    }
    expect(await attempts(jobId)).toBe(1);
    await world.result("w1", task, { data: { n: 1 } });
    expect(await world.job(jobId)).toMatchObject({ currentState: "completed", data: { n: 1 } });
  });

  test("and blocks its heartbeats keeps its task for five minutes", async () => {
    await world.register("w1");
    const jobId = await world.startJob();
    const task = (await world.poll("w1")).body;
    await world.clock.advance(295_000);
    expect(await world.result("w1", task, {})).toMatchObject({ status: 200 });
    expect((await world.job(jobId)).currentState).toBe("completed");
  });

  test("does not keep a task that its worker does not run any more", async () => {
    await world.register("w1");
    const jobId = await world.startJob();
    await world.poll("w1");
    // The process was restarted under the same id, and knows nothing of the task.
    for (let minute = 0; minute < 6; minute++) {
      await world.clock.advance(60_000);
      await world.heartbeat("w1");
    }
    expect(await waitOf(jobId)).toMatchObject({ lastError: { code: "WORKER_LOST" } });
  });
});

describe("11: a result", () => {
  test("that comes twice counts once, and is answered with 200 each time", async () => {
    await world.register("w1");
    const jobId = await world.startJob();
    const task = (await world.poll("w1")).body;
    expect((await world.result("w1", task, { data: { n: 1 } })).status).toBe(200);
    const { revision } = await world.job(jobId);
    const failure = { status: "failure", error: { code: "PERMANENT_ERROR", message: "late" } };
    expect(await world.result("w1", task, failure)).toMatchObject({
      status: 200,
      text: '{"status": "ignored", "reason": "unknown_task"}',
    });
    expect(await world.job(jobId)).toMatchObject({
      revision,
      currentState: "completed",
      data: { n: 1 },
    });
  });

  test("of an attempt that was taken away changes nothing, although it comes from the same worker id", async () => {
    await world.register("w1");
    const jobId = await world.startJob();
    const first = (await world.poll("w1")).body;
    await world.clock.advance(330_000);
    const second = (await world.poll("w1")).body;
    expect(second["task_id"]).toBe(`${String(first["task_id"])}@2`);
    expect((await world.result("w1", first, { data: { n: 1 } })).body).toEqual({
      status: "ignored",
      reason: "stale_task",
    });
    expect((await world.job(jobId)).status).toBe("waiting_for_worker");
    await world.result("w1", second, { data: { n: 2 } });
    expect(await world.job(jobId)).toMatchObject({ currentState: "completed", data: { n: 2 } });
  });

  test("of a stranger for another's task is refused, and the task goes on", async () => {
    await world.register("w1");
    const jobId = await world.startJob();
    const task = (await world.poll("w1")).body;
    expect((await world.result("stranger", task, {})).body).toMatchObject({ reason: "stale_task" });
    expect(await waitOf(jobId)).toMatchObject({ state: "leased", workerId: "w1" });
    await world.result("w1", task, {});
    expect((await world.job(jobId)).currentState).toBe("completed");
  });

  test.each([
    { job_id: "0_none", task_id: "0_none:e.1.0" },
    { job_id: "0_other", task_id: "0_none:e.1.0" },
    { job_id: "x", task_id: "y" },
  ])(
    "of a task that never was (%j) is answered with 200, so that it is not sent again",
    async (task) => {
      expect(await world.result("w1", task, {})).toMatchObject({
        status: 200,
        body: { status: "ignored", reason: "unknown_task" },
      });
    },
  );
});

describe("12: after a restart of the server", () => {
  const restart = async (): Promise<OlderWorld> => {
    const { store, clock } = world;
    await world.close();
    return openOlderWorld({ store, clock });
  };

  test("a worker that registered before is back with its next heartbeat", async () => {
    await world.register("w1");
    world = await restart();
    const poll = world.poll("w1");
    await world.asked("w1");
    const jobId = await world.startJob();
    await world.heartbeat("w1");
    expect((await poll).body).toMatchObject({ job_id: jobId });
  });

  test("the result of a task that was given out before is taken", async () => {
    await world.register("w1");
    const jobId = await world.startJob();
    const task = (await world.poll("w1")).body;
    world = await restart();
    expect((await world.result("w1", task, { data: { n: 1 } })).text).toBe(
      '{"status": "result_accepted_success"}',
    );
    expect(await world.job(jobId)).toMatchObject({ currentState: "completed", data: { n: 1 } });
  });

  test("22: of ten minutes, its tasks are tried again, and the worker gets them", async () => {
    await world.register("w1");
    const jobId = await world.startJob();
    await world.poll("w1");
    const { store, clock } = world;
    await world.close();
    await clock.advance(600_000);
    world = await openOlderWorld({ store, clock });
    await world.clock.advance(60_000);
    await world.heartbeat("w1");
    const task = (await world.poll("w1")).body;
    expect(task).toMatchObject({ job_id: jobId });
    await world.result("w1", task, {});
    expect((await world.job(jobId)).currentState).toBe("completed");
  });
});

describe("21: a result", () => {
  const given = async () => {
    await world.register("w1");
    await world.startJob();
    return (await world.poll("w1")).body;
  };

  test.each([null, { data: null }])("that is %j is taken with 200", async (result) => {
    const task = await given();
    expect((await world.result("w1", task, result)).status).toBe(200);
    expect((await world.job(String(task["job_id"]))).currentState).toBe("completed");
  });

  test("of more than a megabyte is answered with 200 and ends its task with what to do about it", async () => {
    const task = await given();
    const large = { status: "success", data: { text: "x".repeat(1024 * 1024) } };
    expect((await world.result("w1", task, large)).status).toBe(200);
    const { currentState, waits, data } = await world.job(String(task["job_id"]));
    expect(currentState).not.toBe("completed");
    expect(waits).toEqual([]);
    expect(JSON.stringify(data)).toContain("Return a reference to the data");
  });
});

describe("23: a worker that is interrupted and calls its task cancelled", () => {
  test("has given it back, and another one does it: the job knows nothing of it", async () => {
    await world.register("w1");
    const jobId = await world.startJob();
    const task = (await world.poll("w1")).body;
    expect((await world.result("w1", task, { status: "cancelled" })).status).toBe(200);
    expect(await world.job(jobId)).toMatchObject({ status: "waiting_for_worker" });
    await world.register("w2");
    await world.clock.advance(1_000);
    const again = (await world.poll("w2")).body;
    expect(again).toMatchObject({ job_id: jobId });
    await world.result("w2", again, { data: { by: "w2" } });
    expect(await world.job(jobId)).toMatchObject({ currentState: "completed", data: { by: "w2" } });
  });
});

// 9 is the server's own: test/integration/sigterm.test.ts. 20 is the operator's: test/unit/runtime/quarantine.test.ts.

describe("workers that share one id", () => {
  test("all get work at once", async () => {
    await world.register("shared", { max_concurrent_tasks: 1 });
    const polls = [world.poll("shared"), world.poll("shared"), world.poll("shared")];
    await world.asked("shared", 3);
    const jobs = await Promise.all([world.startJob(), world.startJob(), world.startJob()]);
    const tasks = (await Promise.all(polls)).map(({ body }) => body);
    expect(new Set(tasks.map((task) => task["job_id"]))).toEqual(new Set(jobs));
    for (const task of tasks) await world.result("shared", task, {});
    for (const jobId of jobs) expect((await world.job(jobId)).currentState).toBe("completed");
  });
});

test("attempts are told apart by the ids that workers know", () => {
  for (const attempt of [1, 2, 10, 123]) {
    const one = { taskId: "0_a:e.1.0", attempt };
    expect(attemptOfWireId(wireIdOf(one))).toEqual(one);
  }
  expect(attemptOfWireId("a@1")).toEqual({ taskId: "a@1", attempt: 1 });
  expect(attemptOfWireId("a@x")).toEqual({ taskId: "a@x", attempt: 1 });
});
