// What has moved the job, step by step, newest first.
import type { JobStep } from "../protocol/job.ts";
import { messageText } from "../protocol/message-text.ts";
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
            <span className="step-event">{messageText(step.message)}</span>
            <span className="step-state">{step.current_state}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
