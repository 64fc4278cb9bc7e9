// The HTTP routes of the older dialect, under `/_worker` and, plainly, beside the jobs of the plain dialect.
import type { IncomingMessage, ServerResponse } from "node:http";
import { RuntimeError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { parseJson } from "../../protocol/json.ts";
import {
  descriptionBytesMax,
  OlderDescription,
  olderPrefix,
  OlderResult,
  OlderWorkerId,
  pythonJson,
  resultReadBytesMax,
  type OlderTask,
} from "../../protocol/older-dialect.ts";
import { requestBytesMax } from "../../protocol/contract.ts";
import type { ResultStatus } from "../../runtime/runtime.ts";
import type { StoredTask } from "../../runtime/worker-pool.ts";
import type { WorkerTokens } from "../worker-tokens.ts";
import type { PollSession } from "./poll-session.ts";
import type { Known, PollWorkers } from "./poll-workers.ts";
import { requestText } from "./request-text.ts";
import { outcomeOf, type OlderOutcome } from "./result.ts";
import { wireIdOf } from "./wire-id.ts";

export interface OlderRoutesOptions {
  readonly workers: PollWorkers;
  readonly tokens: WorkerTokens;
  readonly limits: OlderRoutesLimits;
  readonly log: Logger;
}

export interface OlderRoutesLimits {
  /** How long a request for a task is held while there is none; a Python worker gives up after 35 seconds. */
  readonly pollMs: number;
  /** The same in the plain dialect, whose callers expect an answer at once. */
  readonly plainPollMs: number;
}

interface Answer {
  readonly status: number;
  /** None for 204. */
  readonly body?: unknown;
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** In the path, decoded. */
  readonly workerId: string;
  readonly query: URLSearchParams;
  readonly plain: boolean;
}

/** What is answered instead of what was asked for. */
class Refusal extends Error {
  readonly answer: Answer;
  constructor(status: number, error: string) {
    super(error);
    this.answer = { status, body: { error } };
  }
}

type Act = (call: Call) => Promise<Answer | undefined>;

interface Route {
  readonly method: string;
  readonly pattern: RegExp;
  readonly act: Act;
}

/**
 * Make the handler of these routes.
 *
 * @returns takes a request, or returns false where it is not for these routes.
 */
export function olderRoutes({
  workers,
  tokens,
  limits,
  log,
}: OlderRoutesOptions): (request: IncomingMessage, response: ServerResponse) => boolean {
  const routes: readonly Route[] = [
    { method: "POST", pattern: /^\/_worker\/workers\/register$/, act: register },
    { method: "GET", pattern: /^\/_worker\/workers\/([^/]+)\/tasks\/next$/, act: nextTask },
    { method: "PATCH", pattern: /^\/_worker\/workers\/([^/]+)$/, act: heartbeat },
    { method: "POST", pattern: /^\/_worker\/tasks\/result$/, act: result },
    { method: "POST", pattern: /^\/workers\/register$/, act: register },
    { method: "GET", pattern: /^\/workers\/([^/]+)\/tasks$/, act: listTasks },
    { method: "POST", pattern: /^\/workers\/([^/]+)\/heartbeat$/, act: heartbeat },
    { method: "POST", pattern: /^\/tasks\/result$/, act: result },
  ];

  return (request, response) => {
    const [path = "", query = ""] = (request.url ?? "").split("?", 2);
    const here = routes.flatMap((route) => {
      const match = route.pattern.exec(path);
      return match ? [{ ...route, workerId: decoded(match[1]) }] : [];
    });
    if (here.length === 0) return false;
    const plain = !path.startsWith(`${olderPrefix}/`);
    const route = here.find(({ method }) => method === request.method);
    if (!route) {
      const allow = here.map(({ method }) => method).join(", ");
      response.setHeader("allow", allow);
      const error = `${path} takes ${allow}, not ${request.method}.`;
      send(response, { status: 405, body: { error } }, plain);
      return true;
    }
    const call = { request, response, workerId: route.workerId, plain };
    route.act({ ...call, query: new URLSearchParams(query) }).then(
      (answer) => answer && send(response, answer, plain),
      (error: unknown) => send(response, answerTo(error, request), plain),
    );
    return true;
  };

  async function register({ request }: Call): Promise<Answer> {
    const said = await objectIn(request, false);
    const given = typeof said?.["worker_id"] === "string" ? said["worker_id"] : undefined;
    const workerId = authenticated(request, given);
    if (workerId === undefined || !OlderWorkerId.safeParse(workerId).success)
      throw new Refusal(400, "Missing required field: worker_id");
    const description = described(workerId, said);
    return workers.attend(workerId, description, (session) => {
      log.info({ workerId, types: [...session.types.keys()] }, "worker registered");
      return { status: 200, body: { status: "registered" } };
    });
  }

  async function heartbeat({ request, workerId: id, plain }: Call): Promise<Answer> {
    const workerId = named(request, id);
    const said = await objectIn(request, true);
    const description = described(workerId, said ?? {});
    return workers.attend(workerId, description, async (session, known) => {
      const cancelled = await session.beat(sourceOf(request), description.load);
      const cancel = cancelled.length > 0 ? { cancel_task_ids: cancelled } : {};
      if (!said) return { status: 200, body: { status: "ttl_refreshed", ...cancel } };
      if (plain) return { status: 200, body: { status: "ok", ...cancel } };
      return { status: 200, body: { ...recordOf(workerId, known, description), ...cancel } };
    });
  }

  async function nextTask({ request, response, workerId: id }: Call): Promise<undefined> {
    const workerId = named(request, id);
    await workers.attend(workerId, {}, async (session) => {
      const poll = session.ask(sourceOf(request), limits.pollMs);
      // Also where the connection broke before anybody could listen.
      response.once("close", poll.withdraw);
      if (response.destroyed) poll.withdraw();
      const task = await poll.given;
      if (task) handOver(response, session, [task], taskAnswer(task), false);
      else send(response, { status: 204 }, false);
    });
  }

  /** All that the worker may take now, and not a task more than it said it takes at once. */
  async function listTasks({ request, response, workerId: id, query }: Call): Promise<undefined> {
    const workerId = named(request, id);
    await workers.attend(workerId, {}, async (session, { max_concurrent_tasks = 1 }) => {
      const wanted = Number(query.get("limit") ?? max_concurrent_tasks - session.heldSize);
      const count = Math.max(1, Math.min(100, Math.floor(wanted) || 1));
      const source = sourceOf(request);
      const polls = Array.from({ length: count }, () => session.ask(source, limits.plainPollMs));
      const withdraw = (): void => polls.forEach((poll) => poll.withdraw());
      response.once("close", withdraw);
      if (response.destroyed) withdraw();
      await Promise.race(polls.map(({ given }) => given));
      // Those of one claim are given in one go; whoever has none by now would wait for nothing.
      await new Promise(setImmediate);
      withdraw();
      const tasks = (await Promise.all(polls.map(({ given }) => given))).filter((one) => !!one);
      handOver(response, session, tasks, tasks.map(plainTaskAnswer), true);
    });
  }

  async function result({ request }: Call): Promise<Answer> {
    const isKnown = tokens.prove(request.headers).outcome === "ok";
    const text = await requestText(request, isKnown ? resultReadBytesMax : requestBytesMax);
    if (text === undefined) throw new Refusal(413, "The result is too large to be read.");
    const body = jsonOf(text);
    const parsed = OlderResult.safeParse(body);
    const told = (body as { readonly worker_id?: unknown } | null)?.worker_id;
    const workerId = authenticated(request, typeof told === "string" ? told : undefined);
    if (!parsed.success) throw new Refusal(400, "job_id and task_id are required");
    if (workerId === undefined || !OlderWorkerId.safeParse(workerId).success)
      throw new Refusal(400, "Could not identify authenticated worker.");
    const { job_id, task_id } = parsed.data;
    const outcome = outcomeOf(parsed.data, Buffer.byteLength(text));
    return workers.attend(workerId, {}, async (session) => {
      const status: ResultStatus = task_id.startsWith(`${job_id}:`)
        ? await session.take(task_id, outcome)
        : { status: "unknown" };
      if (status.status !== "applied")
        log.info({ workerId, taskId: task_id, status: status.status }, "result ignored");
      return { status: 200, body: resultAnswer(status, outcome) };
    });
  }

  /** The worker whose id is in the path, authenticated. */
  function named(request: IncomingMessage, id: string): string {
    const workerId = authenticated(request, id)!;
    if (OlderWorkerId.safeParse(workerId).success) return workerId;
    throw new Refusal(404, "Worker not found");
  }

  /**
   * The worker that the request is from.
   *
   * @param workerId As the request says; the token's own worker where it says nothing.
   */
  function authenticated(request: IncomingMessage, workerId: string | undefined) {
    const proof = tokens.prove(request.headers);
    if (proof.outcome === "missing") throw new Refusal(401, "Missing X-Worker-Token header");
    if (proof.outcome === "ok") {
      const id = workerId ?? proof.workerId;
      if (id === undefined || proof.isFor(id)) return id;
    }
    const why =
      workerId === undefined
        ? "Invalid token or missing worker_id"
        : tokens.hasOwn(workerId)
          ? "Invalid individual worker token"
          : "No valid token found";
    log.info({ workerId, from: sourceOf(request) }, "worker refused: its token is not good for it");
    throw new Refusal(401, `Unauthorized: ${why}`);
  }

  /** What a worker says of itself. */
  function described(workerId: string, said: unknown): OlderDescription {
    const description = OlderDescription.parse(said);
    const { supported_tasks, task_types = [] } = description;
    const beyond = tokens.beyond(workerId, supported_tasks ?? task_types);
    if (beyond === undefined) return description;
    log.info({ workerId }, `worker refused: its token is not good for ${beyond}`);
    throw new Refusal(403, `Forbidden: The token is not good for ${beyond}`);
  }

  function answerTo(error: unknown, { method, url }: IncomingMessage): Answer {
    if (error instanceof Refusal) return error.answer;
    const known = error instanceof RuntimeError ? error : undefined;
    if (!known?.retryable) log.error({ err: error, method, url }, "a worker's request failed");
    // The worker keeps what it has and asks again.
    return {
      status: 503,
      body: { error: known?.message ?? "Something went wrong on the server." },
    };
  }

  async function objectIn(
    request: IncomingMessage,
    mayBeEmpty: boolean,
  ): Promise<Readonly<Record<string, unknown>> | undefined> {
    const text = await requestText(request, descriptionBytesMax);
    if (text === undefined)
      throw new Refusal(413, `The body is larger than ${descriptionBytesMax} bytes.`);
    const json = parseJson(text);
    const value = "value" in json ? json.value : undefined;
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as Readonly<Record<string, unknown>>;
    if (mayBeEmpty) return undefined;
    throw new Refusal(400, "Invalid JSON body");
  }
}

/** Write tasks out, and take back those that do not arrive. */
function handOver(
  response: ServerResponse,
  session: PollSession,
  tasks: readonly StoredTask[],
  body: unknown,
  plain: boolean,
): void {
  if (response.destroyed) {
    for (const task of tasks) void session.giveBack(task, 0);
    return;
  }
  response.once("close", () => {
    for (const task of tasks)
      if (response.writableFinished) session.delivered(task);
      else void session.giveBack(task, 0);
  });
  send(response, { status: 200, body }, plain);
}

function send(response: ServerResponse, { status, body }: Answer, plain: boolean): void {
  if (response.destroyed) return;
  if (body === undefined) {
    response.writeHead(status).end();
    return;
  }
  const text = plain ? JSON.stringify(body) : pythonJson(body);
  // Whoever sends more than may be sent is not read any further.
  if (status === 413) response.setHeader("connection", "close");
  response
    .writeHead(status, {
      "content-type": "application/json; charset=utf-8",
      "content-length": Buffer.byteLength(text),
      "cache-control": "no-store",
    })
    .end(text);
}

function taskAnswer(task: StoredTask): OlderTask {
  return {
    job_id: task.jobId,
    task_id: wireIdOf(task),
    type: task.type,
    // Python handlers look members up in them.
    params: task.params ?? {},
    tracing_context: {},
    priority: task.priority,
  };
}

function plainTaskAnswer(task: StoredTask): OlderTask & { readonly task_type: string } {
  return { ...taskAnswer(task), task_type: task.type };
}

function resultAnswer({ status }: ResultStatus, { outcome }: OlderOutcome): object {
  switch (status) {
    case "applied":
      return {
        status: `result_accepted_${outcome === "ok" ? "success" : outcome === "error" ? "failure" : outcome}`,
      };
    case "fenced":
      return { status: "ignored", reason: "stale_task" };
    case "unknown":
      return { status: "ignored", reason: "unknown_task" };
  }
}

/** What the Python system answers a heartbeat with: all that it knows of the worker. */
function recordOf(workerId: string, known: Known, { load = 0, status = "idle" }: OlderDescription) {
  return {
    worker_id: workerId,
    worker_type: known.worker_type ?? "worker",
    supported_tasks: known.supported_tasks ?? [],
    max_concurrent_tasks: known.max_concurrent_tasks,
    installed_models: known.installed_models ?? [],
    hostname: known.hostname,
    ip_address: known.ip_address,
    resources: known.resources ?? {},
    cost_per_second: known.cost_per_second,
    load,
    status,
    hot_cache: known.hot_cache ?? [],
  };
}

function sourceOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? "";
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, "Invalid JSON body");
  }
}

/** A worker id of the path; one that can't be decoded is nobody's. */
function decoded(part: string | undefined): string {
  try {
    return decodeURIComponent(part ?? "");
  } catch {
    return "";
  }
}
