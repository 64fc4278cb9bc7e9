// A worker of the older dialect that does one thing wrong, or nothing: `node odd-worker.mjs <fault>`.
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";

const fault = process.argv[2] ?? "none";
const {
  ORCHESTRATOR_URL: url,
  WORKER_ID: id,
  WORKER_TOKEN: token,
  WORKER_PORT: port,
} = process.env;
const workerId = fault === "other-id" ? "somebody-else" : id;
const tasks = fault === "no-tasks" ? [] : ["work"];
const concurrency = 2;
const cancelled = new Set();
let running = 0;
let socket;

const call = (method, path, body) =>
  fetch(`${url}/_worker/${path}`, {
    method,
    headers: {
      "x-worker-token": fault === "wrong-token" ? "wrong" : token,
      "content-type": "application/json",
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).catch(() => new Response(null, { status: 599 }));

console.log(`odd worker: ${fault}`);
if (fault === "dies") {
  console.error("no such luck");
  process.exit(3);
}
if (fault === "leaks") spawn("sleep", ["300"], { detached: true, stdio: "ignore" }).unref();
if (fault === "ignores-sigterm") process.on("SIGTERM", () => console.log("not me"));
if (port && fault !== "no-health")
  createServer((request, response) => {
    response.writeHead(fault === "unwell" ? 503 : 200).end("ok");
  }).listen(Number(port), "127.0.0.1");
if (fault !== "never-registers") await work();
else await delay(1_000_000);

async function work() {
  await call("POST", "workers/register", {
    worker_id: workerId,
    supported_tasks: tasks,
    max_concurrent_tasks: concurrency,
  });
  socket = new WebSocket(`${url.replace("http", "ws")}/_worker/ws/${workerId}`, {
    headers: { "x-worker-token": token },
  });
  socket.on("error", () => undefined);
  socket.on("message", (text) => cancelled.add(JSON.parse(text).task_id));
  if (fault !== "no-heartbeat") for (let n = 0; n < (fault === "floods" ? 50 : 1); n++) void beat();
  for (let polls = 0; ; polls++) {
    if (fault === "slow") await delay(3_000);
    if (fault === "asks-once" && polls === 1) await delay(1_000_000);
    while (running >= concurrency && fault !== "exceeds-its-limit") await delay(10);
    const answer = await call("GET", `workers/${workerId}/tasks/next`);
    if (answer.status === 200) void count(await answer.json());
    else if (answer.status !== 204) await delay(100);
  }
}

async function beat() {
  for (;;) {
    await call("PATCH", `workers/${workerId}`, { load: 0, status: "idle", supported_tasks: tasks });
    if (fault !== "floods") await delay(100);
  }
}

async function count(task) {
  running++;
  await run(task);
  running--;
}

async function run({ task_id, job_id, type, params }) {
  if (fault === "dies-at-work") process.exit(4);
  if (fault === "hangs") return;
  let result = { status: "success", data: { said: params.say ?? "nothing" } };
  if (type !== "work" && fault !== "does-anything")
    result = { status: "failure", error_message: `Unsupported task: ${type}` };
  if (fault === "wrong-result") result.data = { said: "something else" };
  if (fault === "wrong-status") result.status = "somehow";
  if (params.fail && fault !== "hides-failures")
    result = { status: "failure", error: { code: "TRANSIENT_ERROR", message: "as asked" } };
  const steps = 20;
  for (let step = 0; step < steps && params.ms; step++) {
    const progress = fault === "runs-backwards" ? steps - step : step;
    if (fault !== "says-nothing")
      socket.send(
        JSON.stringify({ type: "progress_update", task_id, job_id, progress: progress / steps }),
      );
    await delay(params.ms / steps);
    if (!cancelled.has(task_id) || fault === "ignores-cancel") continue;
    result = { status: "cancelled" };
    break;
  }
  const body = { job_id, task_id, worker_id: workerId, result };
  const times = fault === "answers-twice" ? 2 : fault === "gives-up" ? 1 : 5;
  for (let tries = 0; tries < times; tries++) {
    const { status } = await call("POST", "tasks/result", body);
    if (status === 200 && fault !== "answers-twice") return;
    await delay(50);
  }
}
