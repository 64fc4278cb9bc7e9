// Why a job is not finished yet: its tasks with their progress, its timers, and the events that it takes.
import { useState } from "react";
import type { Job, TaskProgress, Wait } from "../protocol/job.ts";
import { timerText } from "../protocol/timer-text.ts";
import type { Client } from "../client/client.ts";
import { EventForm } from "./event-form.tsx";
import { jobHref } from "./route.ts";
import { hasEnded } from "./status.tsx";
import { shortDuration, useNow } from "./time.tsx";
import { attemptKey } from "./use-live-job.ts";

interface Props {
  readonly client: Client;
  readonly job: Job;
  readonly progress: ReadonlyMap<string, TaskProgress>;
}

export function Waits({ client, job, progress }: Props) {
  const now = useNow(1000);
  const events = [
    ...new Set(job.waits.flatMap((wait) => (wait.kind === "event" ? wait.events : []))),
  ];
  return (
    <section className="panel" aria-label="Now">
      <h2>Now</h2>
      {hasEnded(job.status) ? (
        <Ending job={job} />
      ) : (
        <ul className="waits">
          {job.waits.map((wait) =>
            wait.kind === "task" ? (
              <TaskWait
                key={wait.task_id}
                wait={wait}
                now={now}
                progress={progress.get(attemptKey(wait)) ?? wait.progress}
              />
            ) : wait.kind === "timer" ? (
              <li key={`${wait.event} ${wait.due}`} className="wait">
                <div className="wait-head">
                  <strong>{timerText(wait.event)}</strong>
                  <span className="faint">in {shortDuration(Date.parse(wait.due) - now)}</span>
                </div>
              </li>
            ) : wait.kind === "approval" ? (
              <li key="approval" className="wait">
                <div className="wait-head">
                  <strong>{wait.message ?? "A person decides"}</strong>
                  <span className="faint">{wait.decisions.join(" or ")}</span>
                </div>
              </li>
            ) : wait.kind === "child" ? (
              <li key={wait.job_id} className="wait">
                <div className="wait-head">
                  <a href={jobHref(wait.job_id)}>{wait.blueprint_name ?? wait.child}</a>
                  <span className="faint">{wait.current_state ?? "is being started"}</span>
                </div>
              </li>
            ) : wait.kind === "version" ? (
              <li key="version" className="wait">
                <div className="wait-head">
                  <strong>
                    {wait.blueprint_name} {wait.blueprint_version}
                  </strong>
                  <span className="faint">
                    {wait.reason === "missing" ? "is not served" : "has another shape by now"}
                  </span>
                </div>
                {wait.problems.map((problem) => (
                  <p key={problem}>{problem}</p>
                ))}
              </li>
            ) : null,
          )}
        </ul>
      )}
      {events.length > 0 && !hasEnded(job.status) && (
        <EventButtons client={client} jobId={job.id} events={events} />
      )}
    </section>
  );
}

function Ending({ job }: { readonly job: Job }) {
  if (job.error)
    return (
      <div className="problem" role="status">
        <code>{job.error.code}</code>
        <p>{job.error.message}</p>
      </div>
    );
  return <p className="faint">The job has ended in “{job.current_state}”.</p>;
}

interface TaskProps {
  readonly wait: Extract<Wait, { kind: "task" }>;
  readonly now: number;
  readonly progress: TaskProgress | undefined;
}

const taskStates = {
  queued: "waits for a worker",
  leased: "runs",
  delayed: "is tried again soon",
} as const;

function TaskWait({ wait, now, progress }: TaskProps) {
  const percent = progress?.ratio === undefined ? undefined : Math.round(progress.ratio * 100);
  return (
    <li className="wait" data-task={wait.task_id}>
      <div className="wait-head">
        <strong>{wait.task_type}</strong>
        <span className="faint">
          {taskStates[wait.state]} · {shortDuration(now - Date.parse(wait.since))}
        </span>
      </div>
      <progress
        max={1}
        aria-label={`Progress of ${wait.task_type}`}
        {...(progress?.ratio !== undefined
          ? { value: progress.ratio }
          : wait.state !== "leased" && { value: 0 })}
      />
      <div className="wait-foot faint">
        <span>{progress?.message ?? wait.why?.reason ?? wait.last_error?.message ?? ""}</span>
        <span>
          {[
            wait.worker_id,
            wait.attempt > 1 && `attempt ${wait.attempt}`,
            percent !== undefined && `${percent} %`,
          ]
            .filter(Boolean)
            .join(" · ")}
        </span>
      </div>
    </li>
  );
}

interface EventsProps {
  readonly client: Client;
  readonly jobId: string;
  readonly events: readonly string[];
}

function EventButtons({ client, jobId, events }: EventsProps) {
  const [chosen, setChosen] = useState<string>();
  return (
    <div className="events">
      <h3>Send an event</h3>
      <div className="buttons">
        {events.map((type) => (
          <button
            key={type}
            type="button"
            className="button"
            aria-expanded={chosen === type}
            onClick={() => setChosen(chosen === type ? undefined : type)}
          >
            {type === "*" ? "any other …" : type}
          </button>
        ))}
      </div>
      {chosen !== undefined && (
        <EventForm
          key={chosen}
          client={client}
          jobId={jobId}
          type={chosen === "*" ? "" : chosen}
          onSent={() => setChosen(undefined)}
        />
      )}
    </div>
  );
}
