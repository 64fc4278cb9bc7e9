// The list of jobs, newest first: filtered, page by page, and read again now and then while somebody looks.
import { useCallback, useEffect, useRef, useState } from "react";
import type { JobSummary } from "../protocol/job.ts";
import type { Api, Dashboard, JobFilter, JobPage } from "./api.ts";
import { followLink, jobHref } from "./route.ts";
import { jobStatuses, StatusBadge, statusWords } from "./status.tsx";
import { Ago, useNow } from "./time.tsx";

const refreshMs = 5000;

export function JobsPage({ api }: { readonly api: Api }) {
  const [filter, setFilter] = useState<JobFilter>({});
  const { jobs, next, dashboard, problem, refresh, more } = useJobList(api, filter);
  const blueprints = useBlueprintNames(api);
  useEffect(() => {
    document.title = "Jobs · Avtomatika";
  }, []);

  return (
    <main className="jobs-page">
      <header className="list-head">
        <h1>Jobs</h1>
        <div className="filters">
          <Choice
            name="Status"
            value={filter.status ?? ""}
            options={jobStatuses}
            words={statusWords}
            onChange={(status) => setFilter({ ...filter, status })}
          />
          <Choice
            name="Blueprint"
            value={filter.blueprint ?? ""}
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

/** Reads at once, when the window gets the focus, and every few seconds while it can be seen. */
function useJobList(api: Api, filter: JobFilter): JobList {
  const [pages, setPages] = useState<readonly JobPage[]>();
  const [dashboard, setDashboard] = useState<Dashboard>();
  const [problem, setProblem] = useState<string>();
  const reading = useRef<AbortController>(undefined);
  const shownPages = useRef(1);

  const refresh = useCallback(async () => {
    reading.current?.abort();
    const { signal } = (reading.current = new AbortController());
    try {
      const [counts, read] = await Promise.all([
        api.dashboard(signal),
        readPages(api, filter, shownPages.current, signal),
      ]);
      setDashboard(counts);
      setPages(read);
      setProblem(undefined);
    } catch (error) {
      if (!signal.aborted) setProblem((error as Error).message);
    }
  }, [api, filter]);

  useEffect(() => {
    shownPages.current = 1;
    void refresh();
    const look = () => {
      if (document.visibilityState === "visible") void refresh();
    };
    const timer = setInterval(look, refreshMs);
    addEventListener("focus", look);
    return () => {
      clearInterval(timer);
      removeEventListener("focus", look);
      reading.current?.abort();
    };
  }, [refresh]);

  return {
    jobs: pages?.flatMap(({ jobs }) => jobs),
    next: pages?.at(-1)?.next ?? undefined,
    dashboard,
    problem,
    refresh: () => void refresh(),
    more() {
      shownPages.current += 1;
      void refresh();
    },
  };
}

async function readPages(
  api: Api,
  filter: JobFilter,
  count: number,
  signal: AbortSignal,
): Promise<readonly JobPage[]> {
  const pages: JobPage[] = [];
  let cursor: string | undefined;
  while (pages.length < count) {
    const page = await api.jobs(filter, cursor, signal);
    pages.push(page);
    if (!page.next) break;
    cursor = page.next;
  }
  return pages;
}

function useBlueprintNames(api: Api): readonly string[] {
  const [names, setNames] = useState<readonly string[]>([]);
  useEffect(() => {
    const stop = new AbortController();
    api
      .blueprints(stop.signal)
      .then((entries) => setNames([...new Set(entries.map(({ name }) => name))].toSorted()))
      // The list works without this filter.
      .catch(() => {});
    return () => stop.abort();
  }, [api]);
  return names;
}

interface ChoiceProps {
  readonly name: string;
  readonly value: string;
  readonly options: readonly string[];
  readonly words?: (option: string) => string;
  readonly onChange: (value: string) => void;
}

function Choice({ name, value, options, words = String, onChange }: ChoiceProps) {
  return (
    <label className="choice">
      <span>{name}</span>
      <select value={value} onChange={(event) => onChange(event.target.value)}>
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
