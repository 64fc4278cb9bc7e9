// The thread that has a worker's sockets: it serves all of them, and its death is no more than a lost connection.
import { afterEach, beforeEach, expect, test } from "vitest";
import { socketThread, ThreadSocket } from "../../../worker/socket-thread.ts";
import { TurnNote } from "../../../worker/turn-note.ts";
import { eventually } from "../../support/eventually.ts";
import { leasedTask } from "../gateway/recording-workers.ts";
import { gate, openWorkerWorld, type WorkerWorld } from "./worker-world.ts";

let world: WorkerWorld;
beforeEach(async () => {
  world = await openWorkerWorld();
});
afterEach(() => world.close());

test("that dies takes no attempt with it: the next one connects again, and the results arrive", async () => {
  const { open, opened } = gate<string>();
  const worker = world.make().task("echo", () => opened);
  await worker.start();
  world.push("t1");
  await eventually(() => world.calls("accept t1") > 0);
  await socketThread.end();
  await eventually(() => world.calls("disconnect") === 1);
  world.runtime.onConnect = async () => ({
    keep: [{ taskId: "t1", attempt: 1 }],
    drop: [],
    want: [],
  });
  await world.whileTimePasses(() => world.calls("connect") === 2);
  expect(world.runtime.introductions[1]).toMatchObject({
    running: [{ taskId: "t1", attempt: 1 }],
  });
  open("done");
  expect(await world.outcome("t1")).toMatchObject({ output: "done" });
});

test("hands on a task that comes in one message with the welcome, and that is in time", async () => {
  world.runtime.onConnect = async (session) => {
    session.push(leasedTask("t1"), 45_000);
    return { keep: [], drop: [], want: [] };
  };
  await world
    .make()
    .task("echo", () => "done")
    .start();
  expect(await world.outcome("t1")).toMatchObject({ output: "done" });
});

test("says why where an address or a token can't be used at all", async () => {
  const closed = await new Promise((resolve) => {
    const socket = new ThreadSocket(
      {
        url: world.server.url,
        subprotocol: "any",
        token: "two\nlines",
        messageBytesMax: 1,
        answerMs: 1_000,
      },
      {
        onOpen: () => undefined,
        onMessage: () => undefined,
        onPing: () => undefined,
        onClose(code, said) {
          socket.end();
          resolve({ code, said });
        },
      },
    );
  });
  expect(closed).toMatchObject({ code: 1006, said: expect.stringContaining("header") as string });
});

test("a note is read whole by whoever has its memory, until the turn is over or it is full", () => {
  const note = new TurnNote();
  const reader = new TurnNote(note.memory);
  expect(reader.read()).toBeUndefined();
  note.add('{"task_id":"α"}');
  note.add('{"task_id":"b"}');
  expect(reader.read()).toEqual({ turn: 0, refs: ['{"task_id":"α"}', '{"task_id":"b"}'] });
  note.clear();
  expect(reader.read()).toBeUndefined();
  expect(note.add("c")).toBe(true);
  expect(reader.read()).toEqual({ turn: 1, refs: ["c"] });
  let added = 1;
  while (note.add("x".repeat(100))) added++;
  expect(reader.read()?.refs).toHaveLength(added);
});
