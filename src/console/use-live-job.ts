// A job as it is right now: read once, then kept up to date by one event stream.
import { useEffect, useReducer } from "react";
import type { ProgressEvent } from "../protocol/job-event.ts";
import type { Job, JobStep, TaskProgress } from "../protocol/job.ts";
import type { Client } from "../client/client.ts";

export type Connection = "connecting" | "live" | "waiting" | "ended";

export interface LiveJob {
  readonly job: Job | undefined;
  /** Active states before the last change: what has been left, and what entered, tells the transition. */
  readonly previousStates: readonly string[] | undefined;
  /** Oldest first. */
  readonly steps: readonly JobStep[];
  /** The latest of each attempt, by its `attemptKey`. */
  readonly progress: ReadonlyMap<string, TaskProgress>;
  readonly connection: Connection;
  readonly problem: string | undefined;
}

/** A new attempt of a task begins without the progress of the one before. */
export function attemptKey(attempt: {
  readonly task_id: string;
  readonly attempt: number;
}): string {
  return `${attempt.task_id} ${attempt.attempt}`;
}

type Change =
  | { readonly type: "read"; readonly job: Job; readonly steps: readonly JobStep[] }
  | { readonly type: "progress"; readonly event: ProgressEvent }
  | { readonly type: "connection"; readonly connection: Connection }
  | { readonly type: "problem"; readonly problem: string };

const unread: LiveJob = {
  job: undefined,
  previousStates: undefined,
  steps: [],
  progress: new Map(),
  connection: "connecting",
  problem: undefined,
};

function changed(live: LiveJob, change: Change): LiveJob {
  switch (change.type) {
    case "read":
      return withJob(live, change.job, change.steps);
    case "progress": {
      const { ratio, message, data } = change.event;
      const latest = {
        ...(ratio !== undefined && { ratio }),
        ...(message !== undefined && { message }),
        ...(data !== undefined && { data }),
      };
      return { ...live, progress: new Map(live.progress).set(attemptKey(change.event), latest) };
    }
    case "connection":
      return { ...live, connection: change.connection };
    case "problem":
      return { ...live, problem: change.problem };
  }
}

function withJob(live: LiveJob, job: Job, steps: readonly JobStep[]): LiveJob {
  const before = live.job?.active_states;
  const moved = before !== undefined && before.join("\n") !== job.active_states.join("\n");
  const known = live.steps.at(-1)?.revision ?? 0;
  return {
    ...live,
    job,
    previousStates: moved ? before : live.previousStates,
    steps: [...live.steps, ...steps.filter(({ revision }) => revision > known)],
    problem: undefined,
  };
}

/** Several steps in a short time are read together. */
const readEveryMs = 120;

export function useLiveJob(client: Client, jobId: string): LiveJob {
  const [live, dispatch] = useReducer(changed, unread);

  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    let known = 0;
    let reading = Promise.resolve();
    let due = false;

    function stumble(error: unknown): void {
      if (!signal.aborted) dispatch({ type: "problem", problem: (error as Error).message });
    }
    const connect = (connection: Connection) => dispatch({ type: "connection", connection });

    async function read(): Promise<Job | undefined> {
      try {
        const [job, steps] = await Promise.all([
          client.get(jobId, { signal }),
          client.history(jobId, { after: known, signal }),
        ]);
        known = steps.at(-1)?.revision ?? known;
        dispatch({ type: "read", job, steps });
        return job;
      } catch (error) {
        stumble(error);
        return undefined;
      }
    }

    function readSoon(): void {
      if (due || signal.aborted) return;
      due = true;
      reading = reading
        .then(() => new Promise((resolve) => setTimeout(resolve, readEveryMs)))
        .then(async () => {
          due = false;
          await read();
        });
    }

    async function follow(): Promise<void> {
      const job = await read();
      if (!job || signal.aborted) return;
      const events = client.watch(jobId, {
        after: job.revision,
        signal,
        patienceMs: Infinity,
        onConnection: (isConnected) => connect(isConnected ? "live" : "waiting"),
      });
      for await (const event of events) {
        if (event.type === "progress") dispatch({ type: "progress", event });
        else if (event.type === "state" || event.type === "finished") readSoon();
      }
    }

    void follow()
      .catch(stumble)
      .then(() => !signal.aborted && connect("ended"));
    return () => stop.abort();
  }, [client, jobId]);

  return live;
}
