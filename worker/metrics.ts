// What a worker has done and does, as numbers in the text format of Prometheus.
import { monitorEventLoopDelay } from "node:perf_hooks";

/** How an attempt ended here. `given_up`: nobody waited for it any more. */
export type Ending = "success" | "failure" | "cancelled" | "given_up";

export interface MetricsNow {
  readonly slots: number;
  readonly running: ReadonlyMap<string, number>;
  readonly resultsWaiting: number;
  readonly orchestrators: readonly { readonly url: string; readonly isConnected: boolean }[];
}

export class Metrics {
  /** By ending and type. */
  readonly #ended = new Map<string, { readonly labels: string; count: number; seconds: number }>();
  readonly #lag = monitorEventLoopDelay({ resolution: 20 });

  /** Watch the event loop until `stop`. */
  start(): void {
    this.#lag.enable();
  }

  stop(): void {
    this.#lag.disable();
  }

  ended(type: string, ending: Ending, ms: number): void {
    const key = `${ending} ${type}`;
    let entry = this.#ended.get(key);
    if (!entry) {
      entry = { labels: labelled({ type, ending }), count: 0, seconds: 0 };
      this.#ended.set(key, entry);
    }
    entry.count++;
    entry.seconds += ms / 1000;
  }

  text({ slots, running, resultsWaiting, orchestrators }: MetricsNow): string {
    const ended = [...this.#ended.values()];
    const lagSeconds = Number.isFinite(this.#lag.max) ? this.#lag.max / 1e9 : 0;
    this.#lag.reset();
    const families: readonly Family[] = [
      [
        "tasks_total",
        "counter",
        "Attempts that have ended, by how.",
        ended.map((e) => [e.labels, e.count]),
      ],
      [
        "task_seconds_total",
        "counter",
        "Time that handlers took, by how they ended.",
        ended.map((e) => [e.labels, e.seconds]),
      ],
      [
        "running_tasks",
        "gauge",
        "Attempts that run now.",
        [...running].map(([type, count]) => [labelled({ type }), count]),
      ],
      ["slots", "gauge", "The most attempts at once, now.", [["", slots]]],
      [
        "results_waiting",
        "gauge",
        "Results that no server has acknowledged yet.",
        [["", resultsWaiting]],
      ],
      [
        "connected",
        "gauge",
        "Whether there is a connection to a server.",
        orchestrators.map((one) => [labelled({ orchestrator: one.url }), Number(one.isConnected)]),
      ],
      [
        "event_loop_lag_seconds",
        "gauge",
        "The longest that the event loop was late since the last look.",
        [["", lagSeconds]],
      ],
      ["memory_bytes", "gauge", "Memory of the process.", [["", process.memoryUsage.rss()]]],
    ];
    return families.map(familyText).join("");
  }
}

type Family = readonly [
  name: string,
  type: "counter" | "gauge",
  help: string,
  values: readonly (readonly [labels: string, value: number])[],
];

function familyText([name, type, help, values]: Family): string {
  const full = `avtomatika_worker_${name}`;
  const lines = values.map(([labels, value]) => `${full}${labels} ${value}\n`);
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join("")}`;
}

function labelled(labels: Readonly<Record<string, string>>): string {
  const escaped = Object.entries(labels).map(
    ([name, value]) =>
      `${name}="${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`,
  );
  return `{${escaped.join(",")}}`;
}
