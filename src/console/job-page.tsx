// One job: what it is, its chart with the active states lit, what it waits for, what happened, what it holds.
import { useEffect, useState, type ReactNode } from "react";
import type { Job } from "../protocol/job.ts";
import type { Client } from "../client/client.ts";
import { ChartView } from "./chart-view.tsx";
import { followLink, jobsHref } from "./route.ts";
import { hasEnded, StatusBadge } from "./status.tsx";
import { Steps } from "./steps.tsx";
import { Ago, shortDuration, useNow } from "./time.tsx";
import { useLiveJob, type Connection } from "./use-live-job.ts";
import { Waits } from "./waits.tsx";

interface Props {
  readonly client: Client;
  readonly jobId: string;
}

export function JobPage({ client, jobId }: Props) {
  const { job, previousStates, steps, progress, connection, problem } = useLiveJob(client, jobId);
  useEffect(() => {
    document.title = job ? `${job.blueprint_name} · ${job.current_state}` : "Avtomatika";
  }, [job]);

  return (
    <main className="job-page">
      <nav className="crumbs" aria-label="Breadcrumb">
        <a href={jobsHref} onClick={followLink}>
          Jobs
        </a>
        <span aria-hidden="true">/</span>
        <code>{jobId}</code>
      </nav>
      {problem !== undefined && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      {job && (
        <>
          <JobHead client={client} job={job} connection={connection} />
          <div className="job-columns">
            <ChartView
              client={client}
              blueprint={job.blueprint_name}
              version={job.blueprint_version}
              active={job.active_states}
              previous={previousStates}
            />
            <div className="job-side">
              <Waits client={client} job={job} progress={progress} />
              <Steps steps={steps} />
              {job.output !== undefined && <Json title="Output" value={job.output} />}
              <Json title="Data" value={job.data} />
              {job.initial_data !== null && <Json title="Started with" value={job.initial_data} />}
            </div>
          </div>
        </>
      )}
      {!job && problem === undefined && <p className="faint">Reading the job …</p>}
    </main>
  );
}

const connectionWords: Readonly<Record<Connection, string>> = {
  connecting: "connecting",
  live: "live",
  waiting: "reconnecting",
  ended: "complete",
};

interface HeadProps {
  readonly client: Client;
  readonly job: Job;
  readonly connection: Connection;
}

function JobHead({ client, job, connection }: HeadProps) {
  const now = useNow(1000);
  const until = hasEnded(job.status) ? Date.parse(job.updated_at) : now;
  return (
    <header className="job-head">
      <div>
        <h1>
          {job.blueprint_name}
          <span className="version">@{job.blueprint_version}</span>
          <StatusBadge status={job.status} />
        </h1>
        <dl className="facts">
          <Fact name="State">
            <span data-testid="current-state">{job.current_state}</span>
          </Fact>
          <Fact name="Started">
            <Ago at={job.created_at} now={now} />
          </Fact>
          <Fact name={hasEnded(job.status) ? "Took" : "Age"}>
            {shortDuration(until - Date.parse(job.created_at))}
          </Fact>
          <Fact name="Revision">{job.revision}</Fact>
          {job.task_worker_id !== undefined && <Fact name="Worker">{job.task_worker_id}</Fact>}
        </dl>
      </div>
      <div className="job-actions">
        <span className={`connection ${connection}`} role="status">
          {connectionWords[connection]}
        </span>
        {!hasEnded(job.status) && <CancelButton client={client} jobId={job.id} />}
      </div>
    </header>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Asks once more in place: a cancelled job can't be taken up again. */
function CancelButton({ client, jobId }: Props) {
  const [asking, setAsking] = useState(false);
  const [problem, setProblem] = useState<string>();
  const cancel = () => {
    setAsking(false);
    client.cancel(jobId).catch((error: unknown) => setProblem((error as Error).message));
  };
  if (problem !== undefined)
    return (
      <span className="problem" role="alert">
        {problem}
      </span>
    );
  if (!asking)
    return (
      <button className="button" type="button" onClick={() => setAsking(true)}>
        Cancel job
      </button>
    );
  return (
    <span className="buttons">
      <button className="button danger" type="button" autoFocus onClick={cancel}>
        Yes, cancel it
      </button>
      <button className="button" type="button" onClick={() => setAsking(false)}>
        Keep it
      </button>
    </span>
  );
}

function Json({ title, value }: { readonly title: string; readonly value: unknown }) {
  return (
    <details className="panel" open>
      <summary>
        <h2>{title}</h2>
      </summary>
      <pre tabIndex={0}>{JSON.stringify(value, null, 2) ?? "nothing"}</pre>
    </details>
  );
}
