// What this node counts, in the text format of Prometheus, under the names of the Python system where it has one.
import type { JobStatus } from "../runtime/runtime.ts";
import type { WorkerView } from "../runtime/worker-pool.ts";

/** Values by the text of their labels, such as `{status="failed"}`. */
interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly values: Readonly<Record<string, number>>;
}

export function metricsText(
  jobs: Readonly<Partial<Record<JobStatus, number>>>,
  workers: readonly WorkerView[],
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
  return gauges.map(gaugeText).join("");
}

function gaugeText({ name, help, values }: Gauge): string {
  const lines = Object.entries(values).map(([labels, value]) => `${name}${labels} ${value}`);
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...lines, ""].join("\n");
}
