// What has moved the job, step by step, newest first.
import type { JobStep } from "../protocol/job.ts";
import { timerText } from "../protocol/timer-text.ts";
import { Clock } from "./time.tsx";

export function Steps({ steps }: { readonly steps: readonly JobStep[] }) {
  return (
    <section className="panel" aria-label="Steps">
      <h2>
        Steps <span className="count">{steps.length}</span>
      </h2>
      <ol className="steps">
        {steps.toReversed().map((step) => (
          <li key={step.revision}>
            <Clock at={step.timestamp} />
            <span className="step-event">{cause(step.message)}</span>
            <span className="step-state">{step.current_state}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

/** What moved the job, in a few words. */
function cause(message: JobStep["message"]): string {
  const { type, event, child, status, error, timer, reason } = message;
  switch (type) {
    case "start":
      return "started";
    case "event":
      return memberOf(event, "type") ?? "event";
    case "done":
      return [child, status ?? "done"].join(" ");
    case "failed":
      return [child, "failed:", memberOf(error, "code")].join(" ");
    case "timer":
      return `timer ${timerText(String(timer))}`;
    case "redrive":
      return "driven again";
    case "stop":
      return `stopped: ${String(reason)}`;
    default:
      return type;
  }
}

function memberOf(value: unknown, name: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const member = (value as Readonly<Record<string, unknown>>)[name];
  return typeof member === "string" ? member : undefined;
}
