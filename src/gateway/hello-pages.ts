// Gathers what a worker says of itself first: one hello, or one and further pages of what it holds.
import type { Hello, WorkerFrame } from "../protocol/worker-frames.ts";
import type { WorkerSocket } from "./session.ts";

/** The most attempts that a worker may say it holds, over all pages. */
const refsMax = 100_000;

export class HelloPages {
  /** Asked for late: the socket's own handlers use this. */
  readonly #socket: () => WorkerSocket;
  #hello: Hello | undefined;

  constructor(socket: () => WorkerSocket) {
    this.#socket = socket;
  }

  /** @returns the whole hello with its last page; undefined where more is to come, or the worker has been refused. */
  take(frame: WorkerFrame): Hello | undefined {
    const before = this.#hello;
    let hello: Hello;
    if (frame.type === "hello" && !before) hello = frame;
    else if (frame.type === "hello_more" && before)
      hello = {
        ...before,
        running: [...before.running, ...frame.running],
        outbox: [...before.outbox, ...frame.outbox],
        more: frame.more,
      };
    else {
      const wanted = before ? "The next frame is hello_more" : "The first frame is hello";
      this.#socket().fail("protocol.frame_unexpected", `${wanted}, not ${frame.type}.`);
      return undefined;
    }
    this.#hello = hello;
    if (hello.running.length + hello.outbox.length > refsMax) {
      this.#socket().fail("protocol.frame_invalid", `A worker holds at most ${refsMax} attempts.`);
      return undefined;
    }
    return hello.more ? undefined : hello;
  }
}
