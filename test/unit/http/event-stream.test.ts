// Following a job over HTTP: what is told, how it is resumed, and what a reader that does not read costs.
import { beforeEach, describe, expect, test } from "vitest";
import { StreamEvent } from "../../../src/protocol/job-event.ts";
import type { JobEvent, JobService } from "../../../src/runtime/runtime.ts";
import { eventually } from "../../support/eventually.ts";
import { clientToken, jobIdIn, openHttpWorld, type HttpWorld } from "./http-world.ts";

let world: HttpWorld;
beforeEach(async () => {
  world = await openHttpWorld();
});

/** Reads a stream piece by piece, as a browser would. */
class Reader {
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #text = "";

  constructor(response: Response) {
    this.response = response;
    this.#reader = response.body!.getReader();
  }

  /** The next block of lines, or undefined at the end. */
  async block(): Promise<Readonly<Record<string, string>> | undefined> {
    while (!this.#text.includes("\n\n")) {
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += new TextDecoder().decode(value);
    }
    const [block = "", ...rest] = this.#text.split("\n\n");
    this.#text = rest.join("\n\n");
    return Object.fromEntries(
      block.split("\n").map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon) || "comment", line.slice(colon + 2)];
      }),
    );
  }

  /** The next event, past comments and the retry time. */
  async event(): Promise<{ id: string | undefined; event: StreamEvent } | undefined> {
    for (let block = await this.block(); block; block = await this.block()) {
      const { event, id, data } = block;
      if (event === undefined) continue;
      const parsed = StreamEvent.parse(JSON.parse(data ?? ""));
      expect(parsed.type).toBe(event);
      return { id, event: parsed };
    }
    return undefined;
  }

  async rest(): Promise<{ id: string | undefined; event: StreamEvent }[]> {
    const events = [];
    for (let next = await this.event(); next; next = await this.event()) events.push(next);
    return events;
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

async function watch(jobId: string, lastEventId?: string): Promise<Reader> {
  const response = await world.app.request(`/api/jobs/${jobId}/events`, {
    headers: {
      authorization: `Bearer ${clientToken}`,
      ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
    },
  });
  expect(response.status).toBe(200);
  return new Reader(response);
}
const openDoor = async () => jobIdIn(await world.call("POST", "/api/v2/doors", { name: "front" }));
const send = (jobId: string, type: string) =>
  world.call("POST", `/api/jobs/${jobId}/events`, { type });

test("tells what was missed, then what happens, and ends after the end", async () => {
  const jobId = await openDoor();
  const reader = await watch(jobId);
  expect(reader.response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  expect(await reader.block()).toEqual({ retry: "1000" });
  expect(await reader.event()).toMatchObject({ event: { type: "state", current_state: "closed" } });
  await send(jobId, "OPEN");
  await send(jobId, "CLOSE");
  await send(jobId, "LOCK");
  const events = (await reader.rest()).map(({ event }) => event);
  expect(events).toMatchObject([
    { type: "state", current_state: "open", status: "waiting_for_event" },
    { type: "emitted", event: { type: "creaked" } },
    { type: "state", current_state: "closed" },
    { type: "state", current_state: "locked", status: "finished" },
    { type: "finished", job: { id: jobId, current_state: "locked", finished: true } },
  ]);
});

test("tells the progress of a task", async () => {
  const worker = await world.worker("w1", "process_data");
  const jobId = jobIdIn(await world.call("POST", "/api/jobs/test", { input: "x" }));
  const task = await eventually(() => worker.tasks[0]);
  worker.accept();
  const reader = await watch(jobId);
  // Progress is told to those who are there; the first event says that this reader is.
  await reader.event();
  world.runtime.workers.progress(worker, task, { ratio: 0.5, message: "half", data: { n: 1 } });
  for (let next = await reader.event(); ; next = await reader.event())
    if (next?.event.type === "progress") {
      expect(next).toMatchObject({
        id: undefined,
        event: {
          task_type: "process_data",
          attempt: 1,
          ratio: 0.5,
          message: "half",
          data: { n: 1 },
        },
      });
      break;
    }
  await reader.cancel();
  expect((await world.call("GET", `/api/jobs/${jobId}`)).body).toMatchObject({
    waits: [{ progress: { ratio: 0.5, message: "half", data: { n: 1 } } }],
  });
});

describe("Last-Event-ID", () => {
  test("resumes without a gap or a repeat", async () => {
    const jobId = await openDoor();
    await send(jobId, "OPEN");
    const first = await watch(jobId);
    const opening = await first.event();
    const { id } = (await first.event())!;
    expect(Number(id)).toBeGreaterThan(Number(opening?.id));
    await first.cancel();
    await send(jobId, "CLOSE");
    await send(jobId, "LOCK");
    const events = (await (await watch(jobId, id)).rest()).map(({ event }) => event);
    expect(events).toMatchObject([
      { type: "state", current_state: "closed" },
      { type: "state", current_state: "locked" },
      { type: "finished" },
    ]);
  });

  test("never skips the end: only `finished` has the last revision as its id", async () => {
    const jobId = await openDoor();
    await send(jobId, "LOCK");
    const events = await (await watch(jobId)).rest();
    const [last, end] = events.slice(-2);
    expect(last).toMatchObject({ id: undefined, event: { type: "state", status: "finished" } });
    expect(end).toMatchObject({ event: { type: "finished" } });
    const before = events.findLast(({ id, event }) => id !== undefined && event.type === "state");
    expect((await (await watch(jobId, before?.id)).rest()).at(-1)).toEqual(end);
  });

  test("of the end is answered 204, so that browsers do not come back", async () => {
    const jobId = await openDoor();
    await send(jobId, "LOCK");
    const end = (await (await watch(jobId)).rest()).at(-1);
    const again = await world.call("GET", `/api/jobs/${jobId}/events`, undefined, {
      "last-event-id": end!.id!,
    });
    expect(again.status).toBe(204);
  });

  test("that is no number is refused", async () => {
    const jobId = await openDoor();
    const headers = { "last-event-id": "1; DROP" };
    expect(await world.call("GET", `/api/jobs/${jobId}/events`, undefined, headers)).toMatchObject({
      status: 400,
      body: { code: "request.invalid" },
    });
  });
});

test("an unknown job is answered 404, not with a stream", async () => {
  expect(await world.call("GET", "/api/jobs/0_nope/events")).toMatchObject({
    status: 404,
    body: { code: "job.not_found" },
  });
});

test("says that it still lives when nothing else is to be said", async () => {
  const jobId = await openDoor();
  const reader = await watch(jobId);
  await reader.event();
  const next = reader.block();
  await world.clock.advance(15_000);
  expect(await next).toHaveProperty("comment");
  await reader.cancel();
});

test("leaves nothing behind when its reader goes", async () => {
  const jobId = await openDoor();
  const before = world.clock.pending;
  const readers = await Promise.all(Array.from({ length: 20 }, () => watch(jobId)));
  await Promise.all(readers.map((reader) => reader.event()));
  expect(world.clock.pending).toBe(before + 20);
  await Promise.all(readers.map((reader) => reader.cancel()));
  await eventually(() => world.clock.pending === before);
});

test("is not begun for those who ask only for its head", async () => {
  const jobId = await openDoor();
  const before = world.clock.pending;
  const { status, headers, body } = await world.call("HEAD", `/api/jobs/${jobId}/events`);
  expect([status, body]).toEqual([200, ""]);
  expect(headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  await eventually(() => world.clock.pending === before);
});

test("ends when the server stops, so that its readers go elsewhere", async () => {
  const jobId = await openDoor();
  const reader = await watch(jobId);
  await reader.event();
  world.stop.abort();
  expect(await reader.rest()).toEqual([]);
});

test("is refused when there are too many already", async () => {
  world = await openHttpWorld({ limits: { longCallsMax: 1 } });
  const jobId = await openDoor();
  const reader = await watch(jobId);
  expect(await world.call("GET", `/api/jobs/${jobId}/wait`)).toMatchObject({
    status: 503,
    body: { code: "server.busy" },
  });
  await send(jobId, "LOCK");
  await reader.rest();
  expect((await world.call("GET", `/api/jobs/${jobId}/wait`)).status).toBe(200);
});

test("asks for no event that its reader has not made room for", async () => {
  let asked = 0;
  async function* endless(): AsyncGenerator<JobEvent> {
    for (;;) {
      asked++;
      yield { type: "emitted", jobId: "0_x", event: { type: "tick" } };
    }
  }
  const job = { jobId: "0_x", status: "running", revision: 1 };
  const jobs = { get: () => Promise.resolve(job), watch: endless } as unknown as JobService;
  world = await openHttpWorld({ jobs });
  const reader = await watch("0_x");
  await reader.event();
  await world.clock.advance(60_000);
  expect(asked).toBeLessThanOrEqual(4);
  await reader.cancel();
});
