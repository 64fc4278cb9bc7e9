// A worker that is only a socket: it speaks the frames without running anything, so that thousands fit into one process.
import { WebSocket } from "ws";
import type { AttemptRef, ServerFrame } from "../../src/protocol/worker-frames.ts";

/** `answer` ends each task at once, `hold` keeps it until it is cancelled. */
export type Behaviour = "answer" | "hold";

export interface SwarmWorkerOptions {
  readonly url: string;
  readonly token: string;
  readonly id: string;
  readonly credits: number;
  readonly behaviour: Behaviour;
}

/** Milliseconds since 1970 with fractions, the same in all processes of a machine. */
export const wallMs = (): number => performance.timeOrigin + performance.now();

export class SwarmWorker {
  readonly running = new Map<string, AttemptRef>();
  /** When each task came, and when it was cancelled. */
  readonly received = new Map<string, number>();
  readonly cancelled = new Map<string, number>();
  readonly #options: SwarmWorkerOptions;
  readonly #instanceId = crypto.randomUUID();
  #socket: WebSocket | undefined;
  #beat: NodeJS.Timeout | undefined;
  #sequence = 0;

  constructor(options: SwarmWorkerOptions) {
    this.#options = options;
  }

  /** Connect, or connect again with what runs. Resolves with the number of attempts that go on. */
  connect(): Promise<number> {
    const { url, token, id, credits } = this.#options;
    const address = `${url.replace("http", "ws")}/_worker/ws`;
    const socket = new WebSocket(address, ["avtomatika.worker.v1"], {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
    });
    this.#socket = socket;
    socket.on("open", () =>
      this.#send({
        type: "hello",
        protocols: [1],
        worker_id: id,
        instance_id: this.#instanceId,
        types: [{ type: "hold" }],
        credits,
        running: [...this.running.values()],
      }),
    );
    return new Promise((resolve, reject) => {
      socket.on("error", reject);
      socket.on("close", (code) => reject(new Error(`The connection ended with ${code}.`)));
      socket.on("message", (data: Buffer) => {
        const message = JSON.parse(data.toString()) as ServerFrame | ServerFrame[];
        for (const frame of Array.isArray(message) ? message : [message])
          if (frame.type === "welcome") {
            this.#beat = setInterval(() => this.#heartbeat(), frame.heartbeat_ms).unref();
            resolve(frame.keep.length);
          } else this.#take(frame);
      });
    });
  }

  /** Cut the connection without a word. */
  cut(): void {
    clearInterval(this.#beat);
    const socket = this.#socket;
    socket?.removeAllListeners();
    socket?.on("error", () => {});
    socket?.terminate();
  }

  /** Stop reading, as a process does that hangs. */
  stall(): void {
    clearInterval(this.#beat);
    this.#socket?.pause();
  }

  /** Report progress of everything that runs. */
  reportProgress(): void {
    const ratio = (++this.#sequence % 100) / 100;
    const frames = [...this.running.values()].map((ref) => ({ type: "progress", ...ref, ratio }));
    if (frames.length > 0) this.#send(frames);
  }

  #take(frame: ServerFrame): void {
    if (frame.type === "task") {
      const ref = { task_id: frame.task_id, attempt: frame.attempt };
      this.received.set(frame.task_id, wallMs());
      const accept = { type: "accept", ...ref };
      if (this.#options.behaviour === "answer")
        this.#send([accept, { type: "result", ...ref, outcome: "ok", output: {} }]);
      else {
        this.running.set(frame.task_id, ref);
        this.#send(accept);
      }
    } else if (frame.type === "cancel") {
      this.cancelled.set(frame.task_id, wallMs());
      this.running.delete(frame.task_id);
      const { task_id, attempt } = frame;
      this.#send({ type: "result", task_id, attempt, outcome: "cancelled" });
    }
  }

  #heartbeat(): void {
    this.#send({ type: "heartbeat", running: [...this.running.values()] });
  }

  #send(frame: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }
}
