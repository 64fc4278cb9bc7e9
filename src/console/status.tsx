// A job's status as a badge: its tone tells moving, waiting for someone, ended well and ended badly apart.
import type { ReactNode } from "react";
import type { JobStatus } from "../protocol/job.ts";

export type Tone = "moving" | "waiting" | "good" | "bad" | "ended";

const tones: Readonly<Record<JobStatus, Tone>> = {
  running: "moving",
  waiting_for_worker: "moving",
  waiting_for_parallel_tasks: "moving",
  waiting_for_sub_job: "moving",
  waiting_for_human: "waiting",
  waiting_for_event: "waiting",
  waiting_for_timer: "waiting",
  awaiting_retry: "waiting",
  finished: "good",
  failed: "bad",
  quarantined: "bad",
  cancelled: "ended",
};

export const jobStatuses = Object.keys(tones) as JobStatus[];

export const statusWords = (status: string): string => status.replaceAll("_", " ");

export function StatusBadge({ status }: { readonly status: JobStatus }) {
  return <Badge tone={tones[status]}>{statusWords(status)}</Badge>;
}

export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }) {
  return (
    <span className={`badge ${tone}`}>
      <span className="badge-dot" aria-hidden="true" />
      {children}
    </span>
  );
}

/** Whether a job of this status will never move again. */
export function hasEnded(status: JobStatus): boolean {
  return ["good", "bad", "ended"].includes(tones[status]);
}
