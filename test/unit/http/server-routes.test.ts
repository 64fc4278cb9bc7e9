// What the server tells of itself under the paths of the Python system: metrics, quarantined jobs, workers' tokens.
import { describe, expect, test } from "vitest";
import { RuntimeError } from "../../../src/errors.ts";
import { jobIdIn, openHttpWorld } from "./http-world.ts";

const start = (world: Awaited<ReturnType<typeof openHttpWorld>>) =>
  world.call("POST", "/api/v1/jobs/test", { message: "a", multiply: 1 });

describe("metrics", () => {
  test("are in the text format of Prometheus, and need no token", async () => {
    const world = await openHttpWorld();
    await world.worker("w1", "echo_task");
    await start(world);
    const answer = await world.app.request("/_public/metrics");
    expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await answer.text()).toBe(
      [
        "# HELP orchestrator_jobs Jobs that are stored, by status.",
        "# TYPE orchestrator_jobs gauge",
        'orchestrator_jobs{status="waiting_for_worker"} 1',
        "# HELP orchestrator_active_workers Workers that are connected to this node.",
        "# TYPE orchestrator_active_workers gauge",
        "orchestrator_active_workers 1",
        "# HELP orchestrator_running_tasks Tasks that workers of this node run.",
        "# TYPE orchestrator_running_tasks gauge",
        "orchestrator_running_tasks 1",
        "# HELP orchestrator_rewound_jobs_total Jobs that this node has seen go back in time, because the store had lost their latest steps.",
        "# TYPE orchestrator_rewound_jobs_total counter",
        "orchestrator_rewound_jobs_total 0",
        "# HELP orchestrator_lost_jobs_total Acknowledged jobs that this node has seen missing from the store.",
        "# TYPE orchestrator_lost_jobs_total counter",
        "orchestrator_lost_jobs_total 0",
        "",
      ].join("\n"),
    );
  });
});

describe("the list of quarantined jobs", () => {
  test("has their ids, and is for clients only", async () => {
    const world = await openHttpWorld();
    const id = jobIdIn(await start(world));
    const job = (await world.store.loadJob(id))!;
    await world.store.commit({
      jobId: id,
      expectedRevision: job.revision,
      revision: job.revision,
      envelope: job.envelope,
      summary: { ...job.summary, status: "quarantined" },
      history: [],
      ops: [],
    });
    expect((await world.call("GET", "/_public/jobs/quarantined")).body).toEqual([id]);
    expect((await world.app.request("/_public/jobs/quarantined")).status).toBe(401);
  });
});

describe("reading the workers' tokens again", () => {
  test("is refused where there is no file of them", async () => {
    const world = await openHttpWorld();
    expect(await world.call("POST", "/api/v1/admin/reload-workers")).toMatchObject({
      status: 400,
      body: { error: "WORKERS_CONFIG_PATH is not set, cannot reload configs." },
    });
  });

  test("is answered once it is done", async () => {
    let reloads = 0;
    const world = await openHttpWorld({ reloadWorkers: async () => void reloads++ });
    const answer = await world.call("POST", "/api/admin/reload-workers");
    expect(answer).toMatchObject({ status: 200, body: { status: "worker_configs_reloaded" } });
    expect(reloads).toBe(1);
  });

  test("says what is wrong with the file", async () => {
    const reloadWorkers = () =>
      Promise.reject(new RuntimeError("config.invalid", "line 3 is not TOML"));
    const world = await openHttpWorld({ reloadWorkers });
    const answer = await world.call("POST", "/api/admin/reload-workers");
    expect(answer).toMatchObject({ status: 500, body: { error: "line 3 is not TOML" } });
  });
});
