// The list of jobs, newest first: filtered, page by page, and read again now and then while somebody looks.
import { useCallback, useEffect, useRef, useState } from "react";
import type { Client, Dashboard, JobPage } from "../client/client.ts";
import type { JobStatus, JobSummary } from "../protocol/job.ts";
import { followLink, jobHref } from "./route.ts";
import { jobStatuses, StatusBadge, statusWords } from "./status.tsx";
import { Ago, useNow } from "./time.tsx";
import { useRefresh } from "./use-refresh.ts";

interface JobFilter {
  readonly status: JobStatus | undefined;
  readonly blueprint: string | undefined;
}

const everything: JobFilter = { status: undefined, blueprint: undefined };
const pageSize = 50;

export function JobsPage({ client }: { readonly client: Client }) {
  const [filter, setFilter] = useState<JobFilter>(everything);
  const { jobs, next, dashboard, problem, refresh, more } = useJobList(client, filter);
  const blueprints = useBlueprintNames(client);
  useEffect(() => {
    document.title = "Jobs · Avtomatika";
  }, []);

  return (
    <main className="list-page">
      <header className="list-head">
        <h1>Jobs</h1>
        <div className="filters">
          <Choice
            name="Status"
            value={filter.status}
            options={jobStatuses}
            words={statusWords}
            onChange={(status) => setFilter({ ...filter, status })}
          />
          <Choice
            name="Blueprint"
            value={filter.blueprint}
            options={blueprints}
            onChange={(blueprint) => setFilter({ ...filter, blueprint })}
          />
          <button className="button" type="button" onClick={refresh}>
            Refresh
          </button>
        </div>
      </header>
      {dashboard && <Counts dashboard={dashboard} />}
      {problem !== undefined && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <JobTable jobs={jobs} />
      {next !== undefined && (
        <button className="button more" type="button" onClick={more}>
          Show more
        </button>
      )}
    </main>
  );
}

interface JobList {
  readonly jobs: readonly JobSummary[] | undefined;
  readonly next: string | undefined;
  readonly dashboard: Dashboard | undefined;
  readonly problem: string | undefined;
  readonly refresh: () => void;
  readonly more: () => void;
}

function useJobList(client: Client, filter: JobFilter): JobList {
  const [pages, setPages] = useState<readonly JobPage[]>();
  const [dashboard, setDashboard] = useState<Dashboard>();
  const shownPages = useRef(1);
  useEffect(() => {
    shownPages.current = 1;
  }, [filter]);

  const read = useCallback(
    async (signal: AbortSignal) => {
      const [counts, shown] = await Promise.all([
        client.dashboard({ signal }),
        readPages(client, filter, shownPages.current, signal),
      ]);
      setDashboard(counts);
      setPages(shown);
    },
    [client, filter],
  );
  const { problem, refresh } = useRefresh(read);

  return {
    jobs: pages?.flatMap(({ jobs }) => jobs),
    next: pages?.at(-1)?.next,
    dashboard,
    problem,
    refresh,
    more() {
      shownPages.current += 1;
      refresh();
    },
  };
}

async function readPages(
  client: Client,
  filter: JobFilter,
  count: number,
  signal: AbortSignal,
): Promise<readonly JobPage[]> {
  const { status, blueprint } = filter;
  const pages: JobPage[] = [];
  let cursor: string | undefined;
  while (pages.length < count) {
    const page = await client.list({
      limit: pageSize,
      signal,
      ...(status && { status }),
      ...(blueprint !== undefined && { blueprint }),
      ...(cursor !== undefined && { cursor }),
    });
    pages.push(page);
    if (!page.next) break;
    cursor = page.next;
  }
  return pages;
}

function useBlueprintNames(client: Client): readonly string[] {
  const [names, setNames] = useState<readonly string[]>([]);
  useEffect(() => {
    const stop = new AbortController();
    client
      .blueprints({ signal: stop.signal })
      .then((entries) => setNames([...new Set(entries.map(({ name }) => name))].toSorted()))
      // The list works without this filter.
      .catch(() => {});
    return () => stop.abort();
  }, [client]);
  return names;
}

interface ChoiceProps<Option extends string> {
  readonly name: string;
  /** Undefined where all are shown. */
  readonly value: Option | undefined;
  readonly options: readonly Option[];
  readonly words?: (option: Option) => string;
  readonly onChange: (value: Option | undefined) => void;
}

function Choice<Option extends string>({
  name,
  value,
  options,
  words = String,
  onChange,
}: ChoiceProps<Option>) {
  const choose = (chosen: string) => onChange(options.find((option) => option === chosen));
  return (
    <label className="choice">
      <span>{name}</span>
      <select value={value ?? ""} onChange={(event) => choose(event.target.value)}>
        <option value="">all</option>
        {options.map((option) => (
          <option key={option} value={option}>
            {words(option)}
          </option>
        ))}
      </select>
    </label>
  );
}

function Counts({ dashboard }: { readonly dashboard: Dashboard }) {
  const counts = Object.entries(dashboard.jobs).filter(([, count]) => count > 0);
  return (
    <dl className="counts">
      <div>
        <dt>workers</dt>
        <dd>{dashboard.workers.total}</dd>
      </div>
      {counts.map(([status, count]) => (
        <div key={status}>
          <dt>{statusWords(status)}</dt>
          <dd>{count}</dd>
        </div>
      ))}
    </dl>
  );
}

function JobTable({ jobs }: { readonly jobs: readonly JobSummary[] | undefined }) {
  const now = useNow(1000);
  if (!jobs) return <p className="faint">Reading the list …</p>;
  if (jobs.length === 0) return <p className="empty">There are no jobs like this.</p>;
  return (
    <div className="table-frame">
      <table>
        <thead>
          <tr>
            <th scope="col">Job</th>
            <th scope="col">Blueprint</th>
            <th scope="col">Status</th>
            <th scope="col">State</th>
            <th scope="col">Started</th>
            <th scope="col">Last step</th>
          </tr>
        </thead>
        <tbody>
          {jobs.map((job) => (
            <tr key={job.id}>
              <td>
                <a className="job-link" href={jobHref(job.id)} onClick={followLink}>
                  {job.id}
                </a>
              </td>
              <td>
                {job.blueprint_name}
                <span className="version">@{job.blueprint_version}</span>
              </td>
              <td>
                <StatusBadge status={job.status} />
              </td>
              <td className="state-cell">{job.current_state}</td>
              <td>
                <Ago at={job.created_at} now={now} />
              </td>
              <td>
                <Ago at={job.updated_at} now={now} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
