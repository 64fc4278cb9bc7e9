// A runtime as the gateway sees it, that only notes what it is asked: these tests are about frames, not about jobs.
import type {
  AttemptOutcome,
  CheckpointStatus,
  LogLine,
  LostAttempt,
  ResultStatus,
  StreamChunk,
  TaskEvent,
  TaskEventStatus,
  TaskProgress,
  Welcome,
  WorkerDescription,
  WorkerIntroduction,
  WorkerService,
} from "../../../src/runtime/runtime.ts";
import type { Attempt, StoredTask, WorkerSession } from "../../../src/runtime/worker-pool.ts";

export class RecordingWorkers implements WorkerService {
  /** `<call> <subject>` in order. */
  readonly calls: string[] = [];
  readonly sessions: WorkerSession[] = [];
  readonly introductions: WorkerIntroduction[] = [];
  readonly results: { attempt: Attempt; outcome: AttemptOutcome }[] = [];
  readonly reports: { attempt: Attempt; progress: TaskProgress }[] = [];
  readonly checkpoints: { attempt: Attempt; data: unknown }[] = [];
  readonly events: { attempt: Attempt; event: TaskEvent }[] = [];
  readonly lines: { attempt: Attempt; line: LogLine }[] = [];
  readonly chunks: { attempt: Attempt; chunk: StreamChunk }[] = [];
  readonly credits: number[] = [];
  readonly descriptions: Partial<WorkerDescription>[] = [];

  // What the runtime answers; a test may put another in its place.
  onConnect = async (_session: WorkerSession): Promise<Welcome> => ({
    keep: [],
    drop: [],
    want: [],
  });
  onResult = async (_attempt: Attempt): Promise<ResultStatus> => ({ status: "applied" });
  onCheckpoint = async (_attempt: Attempt): Promise<CheckpointStatus> => "kept";
  onEvent = async (_attempt: Attempt): Promise<TaskEventStatus> => ({ status: "accepted" });
  onHeartbeat = async (_running: readonly Attempt[]): Promise<readonly LostAttempt[]> => [];

  get session(): WorkerSession {
    const session = this.sessions.at(-1);
    if (!session) throw new Error("No session yet.");
    return session;
  }

  connect(session: WorkerSession, introduction: WorkerIntroduction): Promise<Welcome> {
    this.calls.push(`connect ${session.holder}`);
    this.sessions.push(session);
    this.introductions.push(introduction);
    return this.onConnect(session);
  }
  disconnect({ holder }: WorkerSession): void {
    this.calls.push(`disconnect ${holder}`);
  }
  accept(_session: WorkerSession, { taskId, attempt }: Attempt): boolean {
    this.calls.push(`accept ${taskId}#${attempt}`);
    return true;
  }
  async release(
    _session: WorkerSession,
    attempt: Attempt,
    delayMs: number,
    handOver?: { readonly checkpoint: unknown },
  ): Promise<boolean> {
    const left = handOver ? ` leaving ${JSON.stringify(handOver.checkpoint)}` : "";
    this.calls.push(`release ${attempt.taskId}#${attempt.attempt} ${delayMs}${left}`);
    return true;
  }
  checkpoint(_session: WorkerSession, attempt: Attempt, data: unknown) {
    this.checkpoints.push({ attempt, data });
    return this.onCheckpoint(attempt);
  }
  event(_session: WorkerSession, attempt: Attempt, event: TaskEvent) {
    this.events.push({ attempt, event });
    return this.onEvent(attempt);
  }
  logLine(_session: WorkerSession, attempt: Attempt, line: LogLine): boolean {
    this.lines.push({ attempt, line });
    return true;
  }
  chunk(_session: WorkerSession, attempt: Attempt, chunk: StreamChunk): boolean {
    this.chunks.push({ attempt, chunk });
    return true;
  }
  heartbeat(_session: WorkerSession, running: readonly Attempt[]) {
    this.calls.push(`heartbeat ${running.map(({ taskId }) => taskId).join(",")}`);
    return this.onHeartbeat(running);
  }
  noteUsage(): void {}
  forget(_session: WorkerSession, { taskId, attempt }: Attempt): void {
    this.calls.push(`forget ${taskId}#${attempt}`);
  }
  async recheck(_session: WorkerSession, attempts: readonly Attempt[]) {
    this.calls.push(`recheck ${attempts.map(({ taskId }) => taskId).join(",")}`);
    return [];
  }
  progress(_session: WorkerSession, attempt: Attempt, progress: TaskProgress): boolean {
    this.reports.push({ attempt, progress });
    return true;
  }
  result(_session: WorkerSession, attempt: Attempt, outcome: AttemptOutcome) {
    this.results.push({ attempt, outcome });
    return this.onResult(attempt);
  }
  setCredits(_session: WorkerSession, credits: number): void {
    this.credits.push(credits);
  }
  describe(_session: WorkerSession, description: Partial<WorkerDescription>): void {
    this.descriptions.push(description);
  }
  drain({ holder }: WorkerSession): void {
    this.calls.push(`drain ${holder}`);
  }
  list() {
    return [];
  }
}

/** A leased task as the runtime hands it to a session. */
export function leasedTask(taskId: string, more: Partial<StoredTask> = {}): StoredTask {
  return {
    taskId,
    jobId: "0_job",
    child: "child",
    type: "echo",
    queue: "echo",
    params: { n: 1 },
    priority: 5,
    retry: { maxAttempts: 3, initialMs: 1, factor: 2, maxMs: 10 },
    state: "leased",
    attempt: 1,
    settled: 0,
    failures: 0,
    losses: 0,
    createdAt: 0,
    since: 0,
    ...more,
  };
}
