// Handlers that run in threads and processes, good ones and bad ones.
import { writeFileSync } from "node:fs";
import { threadId } from "node:worker_threads";
import { task } from "avtomatika";
import {
  defineTask,
  PermanentError,
  TransientError,
  withStatus,
  type TaskHandler,
} from "avtomatika/worker";
import { z } from "zod";

export const where = defineTask("where", () => ({ pid: process.pid, threadId }));

export const parsed = defineTask(
  task("parsed", {
    input: z.object({
      at: z.string().transform((text) => ({ year: Number(text.slice(0, 4)) })),
      n: z.int().default(3),
    }),
    output: z.object({ year: z.int(), n: z.int() }),
  }),
  ({ params: { at, n } }) => ({ year: at.year, n }),
);

export const all = defineTask<{ readonly n: number }>("all", (context) => {
  const { progress, addToHotCache, log, params, deadline, signal, ...others } = context;
  const facts = Object.entries(others).filter(([, value]) => typeof value !== "function");
  progress(0.5, "half", { n: params.n });
  addToHotCache("model");
  log.child({ part: "inner" }).info({ n: params.n }, "said in a host");
  return withStatus("special", {
    ...Object.fromEntries(facts),
    isDate: deadline instanceof Date,
    early: signal.aborted,
  });
});

/** Uses what handlers tell while they run. */
export const telling = defineTask(
  "telling",
  async ({ checkpoint, lastCheckpoint, sendEvent, stream, log }) => {
    await checkpoint({ page: 7 });
    await sendEvent("SEEN", { page: 7 });
    const words = stream("words");
    await words.write("one ");
    await words.write(new TextEncoder().encode("two"));
    await words.end();
    log.info({ pages: 7 }, "told");
    return { lastCheckpoint };
  },
);

const untilTold: TaskHandler = ({ signal, progress }) => {
  progress(0, "running");
  return new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason as Error)),
  );
};
export const obedient = defineTask("obedient", untilTold);
export const timed = defineTask("timed", untilTold, { timeLimitMs: 1_500 });

export const deaf = defineTask(
  "deaf",
  ({ progress }) => {
    progress(0, "running");
    return new Promise(() => setInterval(() => undefined, 1_000));
  },
  { killAfterMs: 200 },
);

/** Blocks its loop for as long as its params say. */
export const blocking = defineTask<{ readonly ms: number }>(
  "blocking",
  ({ params, progress }) => {
    progress(0, "blocking");
    return new Promise((resolve) =>
      setTimeout(() => {
        const until = Date.now() + params.ms;
        while (Date.now() < until);
        resolve({ blockedMs: params.ms });
      }, 20),
    );
  },
  { killAfterMs: 200 },
);

export const hungry = defineTask(
  "hungry",
  () => {
    const held: unknown[] = [];
    for (;;) held.push(Array.from({ length: 1_000 }, () => ({ n: Math.random() })));
  },
  { memoryLimitMb: 64 },
);

export const failing = defineTask<{ readonly how: string }>("failing", ({ params: { how } }) => {
  switch (how) {
    case "permanent":
      throw new PermanentError("never", { details: { n: 1 } });
    case "transient":
      throw new TransientError("later", { retryAfterMs: 250 });
    case "unsendable":
      return () => "a function";
    case "exit":
      return process.exit(3);
    case "uncaught":
      setTimeout(() => {
        throw new Error("from nowhere");
      }, 1);
      return new Promise(() => undefined);
    default:
      throw new RangeError("odd");
  }
});

/** Ends once it is told to stop, and leaves a file after that has been said. */
export const late = defineTask<{ readonly path: string }>(
  "late",
  ({ params, signal, progress }) => {
    progress(0, "running");
    return new Promise((resolve) =>
      signal.addEventListener("abort", () => {
        setTimeout(() => writeFileSync(params.path, ""), 50);
        resolve({ pid: process.pid });
      }),
    );
  },
);
