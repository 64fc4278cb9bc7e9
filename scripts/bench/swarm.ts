// The process of many workers: does what the bench tells it over its channel, and answers with what it saw.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { SwarmWorker, type SwarmWorkerOptions } from "./swarm-worker.ts";

export type SwarmOrder =
  | ({ readonly order: "connect"; readonly count: number } & SwarmWorkerOptions)
  | { readonly order: "watch" }
  | { readonly order: "stall" }
  | { readonly order: "progress"; readonly hertz: number; readonly seconds: number }
  | { readonly order: "reconnect" }
  | { readonly order: "report" };

export interface SwarmReport {
  readonly running: number;
  /** Task ids with the time in milliseconds since 1970. */
  readonly received: readonly (readonly [string, number])[];
  readonly cancelled: readonly (readonly [string, number])[];
  /** How late the event loop of this process was at worst, for one look in a hundred, since it was told to watch. */
  readonly loopDelayP99Ms: number;
}

/** So many connect at once: a server refuses none, but the system's queue of connections is short. */
const connectingMax = 50;
const workers: SwarmWorker[] = [];
const lookMs = 1;
const delay = monitorEventLoopDelay({ resolution: lookMs });
delay.enable();

async function connect(order: Extract<SwarmOrder, { order: "connect" }>): Promise<void> {
  const joining = Array.from(
    { length: order.count },
    (_, index) => new SwarmWorker({ ...order, id: `${order.id}-${index}` }),
  );
  workers.push(...joining);
  for (let from = 0; from < joining.length; from += connectingMax)
    await Promise.all(joining.slice(from, from + connectingMax).map((worker) => worker.connect()));
}

/** Milliseconds from a cut until the welcome, for each worker, and how many attempts went on. */
async function reconnect(): Promise<{ readonly ms: readonly number[]; readonly kept: number }> {
  for (const worker of workers) worker.cut();
  const returns = await Promise.all(
    workers.map(async (worker) => {
      const begin = performance.now();
      const kept = await worker.connect();
      return { kept, ms: performance.now() - begin };
    }),
  );
  return {
    ms: returns.map(({ ms }) => ms),
    kept: returns.reduce((sum, { kept }) => sum + kept, 0),
  };
}

async function progress(hertz: number, seconds: number): Promise<void> {
  for (let round = 0; round < hertz * seconds; round++) {
    const next = new Promise((resolve) => setTimeout(resolve, 1000 / hertz));
    for (const worker of workers) worker.reportProgress();
    await next;
  }
}

function report(): SwarmReport {
  return {
    running: workers.reduce((sum, { running }) => sum + running.size, 0),
    received: workers.flatMap(({ received }) => [...received]),
    cancelled: workers.flatMap(({ cancelled }) => [...cancelled]),
    loopDelayP99Ms: Math.max(0, delay.percentile(99) / 1e6 - lookMs),
  };
}

async function obey(order: SwarmOrder): Promise<unknown> {
  switch (order.order) {
    case "connect":
      return connect(order);
    case "watch":
      return delay.reset();
    case "stall":
      return workers.at(-1)!.stall();
    case "progress":
      return progress(order.hertz, order.seconds);
    case "reconnect":
      return reconnect();
    case "report":
      return report();
  }
}

process.on("message", (order: SwarmOrder) => {
  obey(order).then(
    (answer) => process.send!({ answer }),
    (error: unknown) => process.send!({ error: String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
