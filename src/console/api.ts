// The server's API as the console uses it.
import type { BlueprintEntry, Problem } from "../protocol/contract.ts";
import type { Job, JobStep, JobSummary } from "../protocol/job.ts";

export interface JobFilter {
  readonly status?: string;
  readonly blueprint?: string;
}

export interface JobPage {
  readonly jobs: readonly JobSummary[];
  readonly next?: string | null;
}

export interface Dashboard {
  readonly workers: { readonly total: number };
  readonly jobs: Readonly<Record<string, number>>;
}

/** An answer that is not a success, in words for people. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export type Api = ReturnType<typeof createApi>;

/** @param onRefused Called when the server does not take the token. */
export function createApi(token: string, onRefused: () => void) {
  async function request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("authorization", `Bearer ${token}`);
    const answer = await fetch(`/api${path}`, { ...init, headers });
    if (answer.status === 401) onRefused();
    if (!answer.ok) throw new ApiError(answer.status, await problemOf(answer));
    return answer;
  }

  async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
    const answer = await request(path, signal ? { signal } : {});
    return (await answer.json()) as T;
  }

  async function post<T>(path: string, body: unknown): Promise<T> {
    const headers = { "content-type": "application/json" };
    const answer = await request(path, { method: "POST", headers, body: JSON.stringify(body) });
    return (await answer.json()) as T;
  }

  return {
    jobs(filter: JobFilter, cursor: string | undefined, signal: AbortSignal): Promise<JobPage> {
      const query = new URLSearchParams({ limit: "50" });
      if (filter.status) query.set("status", filter.status);
      if (filter.blueprint) query.set("blueprint", filter.blueprint);
      if (cursor) query.set("cursor", cursor);
      return get(`/jobs/page?${query}`, signal);
    },
    job: (id: string, signal: AbortSignal) => get<Job>(`/jobs/${encodeURIComponent(id)}`, signal),
    history: (id: string, after: number, signal: AbortSignal) =>
      get<JobStep[]>(`/jobs/${encodeURIComponent(id)}/history?after=${after}`, signal),
    send: (id: string, event: { readonly type: string }) =>
      post<{ status: "accepted" | "ignored" }>(`/jobs/${encodeURIComponent(id)}/events`, event),
    cancel: (id: string) => post<unknown>(`/jobs/${encodeURIComponent(id)}/cancel`, {}),
    dashboard: (signal: AbortSignal) => get<Dashboard>("/dashboard", signal),
    blueprints: (signal: AbortSignal) => get<BlueprintEntry[]>("/blueprints", signal),
    async chart(blueprint: string, version: string, signal: AbortSignal): Promise<string> {
      const query = new URLSearchParams({ format: "svg", version });
      const path = `/blueprints/${encodeURIComponent(blueprint)}/chart?${query}`;
      return (await request(path, { signal })).text();
    },
    /** The event stream of a job: server-sent events, because `EventSource` can't send the token. */
    events: (id: string, after: number, signal: AbortSignal) =>
      request(`/jobs/${encodeURIComponent(id)}/events`, {
        signal,
        headers: { accept: "text/event-stream", "last-event-id": String(after) },
      }),
  };
}

async function problemOf(answer: Response): Promise<string> {
  try {
    const { error } = (await answer.json()) as Problem;
    return error;
  } catch {
    return `The server answered with status ${answer.status}.`;
  }
}
