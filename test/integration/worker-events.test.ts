// A worker's events move jobs of a real server, over its own HTTP side, sockets and store.
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { flow } from "../../src/blueprint/flow.ts";
import { workerPath, workerSubprotocol } from "../../src/protocol/worker-frames.ts";
import { createWorker } from "../../worker/index.ts";
import { eventually } from "../support/eventually.ts";
import { startLiveServer, workerToken, type LiveServer } from "../support/live-server.ts";
import { refOf } from "../support/wire-world.ts";
import { Peer, plainHello } from "../unit/gateway/gateway-world.ts";

const rendered = flow("rendered", { version: "1", endpoint: "/jobs/rendered", apiVersion: "v1" })
  .state("start", { isStart: true, to: ["review", "completed"], events: ["PREVIEW"] }, (ctx) =>
    ctx.actions.dispatchTask({
      type: "render",
      transitions: { success: "completed" },
      eventTransitions: { PREVIEW: "review" },
    }),
  )
  .state("review", { to: ["completed"] }, (ctx) =>
    ctx.actions.awaitHumanApproval({ transitions: { approved: "completed" } }),
  )
  .build();

let live: LiveServer;
beforeAll(async () => {
  live = await startLiveServer({ blueprints: [rendered] });
});
afterAll(() => live.close());

async function startJob(): Promise<string> {
  const { body } = await live.call("POST", "/api/v1/jobs/rendered", {});
  return (body as { job_id: string }).job_id;
}
const jobOf = async (jobId: string) =>
  (await live.call("GET", `/api/v1/jobs/${jobId}`)).body as {
    readonly current_state: string;
    readonly state_history: object;
  };

test("an event of a worker leads a flow on, and cancels the task", async () => {
  let isCancelled = false;
  const worker = createWorker({
    url: live.url,
    token: workerToken,
    id: "renders",
    log: live.worker.log,
  });
  worker.task("render", async ({ sendEvent, signal }) => {
    void sendEvent("PREVIEW", { url: "p.png" });
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    isCancelled = true;
  });
  await worker.start();
  const jobId = await startJob();
  await eventually(async () => (await jobOf(jobId)).current_state === "review");
  expect((await jobOf(jobId)).state_history).toEqual({ url: "p.png" });
  await eventually(() => isCancelled);
  await worker.stop({ graceMs: 0 });
});

test("an event of an attempt that is not current changes nothing", async () => {
  const peer = new Peer(
    new WebSocket(`${live.url.replace("http", "ws")}${workerPath}`, [workerSubprotocol], {
      headers: { authorization: `Bearer ${workerToken}` },
    }),
  );
  await new Promise((resolve) => peer.socket.once("open", resolve));
  peer.send({ ...plainHello, worker_id: "bare", types: [{ type: "render" }] });
  await peer.next("welcome");
  const jobId = await startJob();
  const first = refOf(await peer.next("task"));
  peer.send({ type: "release", ...first, reason: "overload" });
  const second = refOf(await peer.next("task"));
  const event = { type: "event", number: 1, event: "PREVIEW" };
  peer.send({ ...event, ...first });
  expect(await peer.next("event_ack")).toMatchObject({ ...first, status: "fenced" });
  expect((await jobOf(jobId)).current_state).toBe("start");
  peer.send({ ...event, ...second });
  expect(await peer.next("event_ack")).toMatchObject({ ...second, status: "accepted" });
  expect((await jobOf(jobId)).current_state).toBe("review");
  peer.socket.close();
  await peer.closed;
});
