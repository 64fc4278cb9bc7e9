// What this node counts, in the text format of Prometheus, under the names of the Python system where it has one.
import type { JobStatus } from "../runtime/runtime.ts";
import type { WorkerView } from "../runtime/worker-view.ts";

/** Values by the text of their labels, such as `{status="failed"}`. */
interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly values: Readonly<Record<string, number>>;
}

export function metricsText(
  jobs: Readonly<Partial<Record<JobStatus, number>>>,
  workers: readonly WorkerView[],
  rewinds: { readonly rewound: number; readonly lost: number },
): string {
  const running = workers.reduce((sum, worker) => sum + worker.running, 0);
  const gauges: readonly Gauge[] = [
    {
      name: "orchestrator_jobs",
      help: "Jobs that are stored, by status.",
      values: Object.fromEntries(
        Object.entries(jobs).map(([status, count]) => [`{status="${status}"}`, count]),
      ),
    },
    {
      name: "orchestrator_active_workers",
      help: "Workers that are connected to this node.",
      values: { "": workers.length },
    },
    {
      name: "orchestrator_running_tasks",
      help: "Tasks that workers of this node run.",
      values: { "": running },
    },
  ];
  const counters: readonly Gauge[] = [
    {
      name: "orchestrator_rewound_jobs_total",
      help: "Jobs that this node has seen go back in time, because the store had lost their latest steps.",
      values: { "": rewinds.rewound },
    },
    {
      name: "orchestrator_lost_jobs_total",
      help: "Acknowledged jobs that this node has seen missing from the store.",
      values: { "": rewinds.lost },
    },
  ];
  return [
    ...gauges.map((gauge) => metricText(gauge, "gauge")),
    ...counters.map((counter) => metricText(counter, "counter")),
  ].join("");
}

function metricText({ name, help, values }: Gauge, type: "gauge" | "counter"): string {
  const lines = Object.entries(values).map(([labels, value]) => `${name}${labels} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
}
