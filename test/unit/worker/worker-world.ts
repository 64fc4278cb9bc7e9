// A real worker connected to a real gateway, on clocks that tests move, with a runtime that only takes notes.
import { pino } from "pino";
import { createWorker, type Worker, type WorkerOptions } from "../../../worker/index.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { openGateway, token } from "../gateway/gateway-world.ts";
import { leasedTask } from "../gateway/recording-workers.ts";

export async function openWorkerWorld() {
  const server = await openGateway();
  const clock = new FakeClock();
  const workers: Worker[] = [];
  return {
    server,
    /** The worker's clock; the server has its own. */
    clock,
    runtime: server.workers,
    /** A worker with four slots that is not started yet. */
    make(options: WorkerOptions = {}): Worker {
      const worker = createWorker({
        url: server.url,
        token,
        id: "w1",
        maxConcurrentTasks: 4,
        clock,
        random: () => 0,
        log: pino({ level: "silent" }),
        ...options,
      });
      workers.push(worker);
      return worker;
    },
    /** Push a task as the runtime would. */
    push(taskId: string, more: Parameters<typeof leasedTask>[1] = {}): void {
      server.workers.session.push(leasedTask(taskId, more), 45_000);
    },
    /** The outcome of a task, once it has come. */
    outcome: (taskId: string) =>
      eventually(
        () => server.workers.results.find(({ attempt }) => attempt.taskId === taskId)?.outcome,
      ),
    /** How often the runtime was asked for something. */
    calls: (call: string) => server.workers.calls.filter((made) => made.startsWith(call)).length,
    /**
     * Move the worker's time until a condition holds, as when it waits to connect again.
     *
     * @param stepMs how far the clock goes between two looks
     */
    async whileTimePasses(condition: () => boolean, stepMs = 1): Promise<void> {
      await eventually(
        async () => {
          await clock.advance(stepMs);
          return condition();
        },
        { timeoutMs: 20_000 },
      );
    },
    async close(): Promise<void> {
      await Promise.all(
        workers.map(async (worker) => {
          const stopped = worker.stop({ graceMs: 0 }).catch(() => undefined);
          await clock.advance(0);
          await stopped;
        }),
      );
      await server.close();
    },
  };
}
export type WorkerWorld = Awaited<ReturnType<typeof openWorkerWorld>>;

/** A promise that a test settles. */
export function gate<Value = void>() {
  let open!: (value: Value) => void;
  const opened = new Promise<Value>((resolve) => (open = resolve));
  return { open, opened };
}
