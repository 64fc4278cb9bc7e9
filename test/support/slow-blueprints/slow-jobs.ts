// Jobs whose handlers take until a file is there, and note each of their runs in another: for servers that end meanwhile.
import { appendFileSync, existsSync } from "node:fs";
import { blueprint, flow, inTurn } from "avtomatika";
import { assign, fromPromise, setup } from "xstate";

interface Files {
  /** A line is added to it by each run. */
  readonly runs: string;
  /** Nothing ends before it is there. */
  readonly go: string;
}

function untilItMay({ runs, go }: Files, signal?: AbortSignal): Promise<string> {
  appendFileSync(runs, `${process.pid}\n`);
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => existsSync(go) && end(() => resolve("done")), 20);
    const end = (how: () => void): void => {
      clearInterval(timer);
      how();
    };
    signal?.addEventListener("abort", () => end(() => reject(signal.reason as Error)));
  });
}

export const slowFlow = flow("slow_flow", { version: "1", endpoint: "/slow_flow" })
  .state("start", { isStart: true, to: ["completed"] }, async (ctx) => {
    const { runs, go } = ctx.initialData;
    await untilItMay({ runs: String(runs), go: String(go) });
    ctx.actions.transitionTo("completed");
  })
  .state("completed", { isEnd: true })
  .build();

const promiseJob = (name: string, work: ReturnType<typeof fromPromise<string, Files>>) =>
  blueprint(name, {
    version: "1",
    endpoint: `/${name}`,
    machine: setup({
      types: { context: {} as Files & { got?: string }, input: {} as Files },
      actors: { work },
    }).createMachine({
      id: name,
      context: ({ input }) => input,
      initial: "working",
      states: {
        working: {
          invoke: {
            src: "work",
            input: ({ context: { runs, go } }) => ({ runs, go }),
            onDone: { target: "completed", actions: assign({ got: ({ event }) => event.output }) },
          },
        },
        completed: { type: "final" },
      },
    }),
  });

export const inTurnJob = promiseJob(
  "in_turn_job",
  inTurn(fromPromise(({ input }) => untilItMay(input))),
);
export const localJob = promiseJob(
  "local_job",
  fromPromise(({ input, signal }) => untilItMay(input, signal)),
);
export const deafJob = promiseJob(
  "deaf_job",
  fromPromise(({ input }) => untilItMay(input)),
);
