// Holds a changed blueprint to what jobs have really done: each is replayed, and the first difference is told.
import { AssertionError } from "node:assert";
import { isDeepStrictEqual } from "node:util";
import type { Blueprint } from "../blueprint/blueprint.ts";
import type { Flow } from "../blueprint/flow.ts";
import { asBlueprint } from "./instrument.ts";
import type { RecordedJob } from "./recorded-job.ts";
import { ReplaySide, type SideStep } from "./replay-side.ts";
import { describeMessage } from "./test-job.ts";

export interface ReplayOptions {
  /** The blueprint as it was when the jobs ran. With it, what each step wanted done is compared, too. */
  readonly before?: Blueprint | Flow<unknown, unknown>;
}

/** The first thing in which a job would have gone otherwise. */
export interface ReplayDifference {
  readonly revision: number;
  /**
   * `input` or `output`: a schema refuses what was taken · `decision`: a flow's handler decides otherwise · `state`:
   * the job is somewhere else, or has another status · `effects`: it wants other tasks, timers, events or actions ·
   * `ignored`: what moved the job does not move it any more · `broken`: the machine cannot take the step.
   */
  readonly kind: "input" | "output" | "decision" | "state" | "effects" | "ignored" | "broken";
  readonly expected: unknown;
  readonly actual: unknown;
  /** In words. */
  readonly message: string;
}

export interface ReplayReport {
  readonly jobId: string;
  /** How many steps were recorded. */
  readonly steps: number;
  /** Absent where the job goes on the changed blueprint as it did. */
  readonly difference?: ReplayDifference;
}

/**
 * Replay recorded jobs on a changed blueprint.
 *
 * Nothing is done again: outcomes of tasks and promises, events and timers come from the record. Only what decides is run:
 * the machine, and handlers of flows.
 *
 * @param jobs from `readRecordedJob`, `loadRecordedJobs`, or a job of this kit.
 * @param changed what is to take the place of the blueprint that they ran on.
 * @returns one report for each job.
 */
export async function replayJobs(
  jobs: readonly RecordedJob[],
  changed: Blueprint | Flow<unknown, unknown>,
  { before }: ReplayOptions = {},
): Promise<readonly ReplayReport[]> {
  const after = asBlueprint(changed);
  const earlier = before && asBlueprint(before);
  const reports: ReplayReport[] = [];
  for (const job of jobs) {
    const difference = await firstDifference(job, after, earlier);
    reports.push({
      jobId: job.jobId,
      steps: job.steps.length,
      ...(difference && { difference }),
    });
  }
  return reports;
}

/** @throws AssertionError that lists the jobs which go otherwise, each with its first difference. */
export function assertReplayed(reports: readonly ReplayReport[]): void {
  const changed = reports.flatMap(({ jobId, difference }) =>
    difference ? [`${jobId}, revision ${difference.revision}: ${difference.message}`] : [],
  );
  if (changed.length === 0) return;
  throw new AssertionError({
    message: `${changed.length} of ${reports.length} jobs go otherwise:\n  ${changed.join("\n  ")}`,
    actual: changed,
    expected: [],
  });
}

async function firstDifference(
  job: RecordedJob,
  after: Blueprint,
  before: Blueprint | undefined,
): Promise<ReplayDifference | undefined> {
  const side = new ReplaySide(after, job);
  const earlier = before && new ReplaySide(before, job);
  for (const recorded of job.steps) {
    const { revision, message } = recorded;
    const found = (kind: ReplayDifference["kind"], expected: unknown, actual: unknown) => ({
      revision,
      kind,
      expected,
      actual,
      message: inWords(kind, describeMessage(message), expected, actual),
    });
    const refused = side.refusedBySchema(message);
    if (refused) return found(refused.kind, "it fits the schema", refused.problem);
    const decision = await side.otherDecision(message);
    if (decision) return found("decision", decision.expected, decision.actual);
    const taken = side.take(recorded);
    if (taken.outcome !== "stepped") return found(taken.outcome, "a step", taken.reason);
    const state = { state: recorded.currentState, status: recorded.status };
    if (!isDeepStrictEqual(taken.at, state)) return found("state", state, taken.at);
    const then = earlier?.take(recorded);
    const effects = then && otherEffects(then, taken);
    if (effects) return found("effects", effects.expected, effects.actual);
  }
  return undefined;
}

function otherEffects(before: SideStep, after: SideStep) {
  if (before.outcome !== "stepped" || after.outcome !== "stepped") return undefined;
  const expected = before.effects.filter((one) => !holds(after.effects, one));
  const actual = after.effects.filter((one) => !holds(before.effects, one));
  return expected.length + actual.length > 0 ? { expected, actual } : undefined;
}

const holds = (effects: readonly unknown[], one: unknown): boolean =>
  effects.some((effect) => isDeepStrictEqual(effect, one));

function inWords(
  kind: ReplayDifference["kind"],
  moved: string,
  expected: unknown,
  actual: unknown,
): string {
  const was = JSON.stringify(expected);
  const is = JSON.stringify(actual);
  switch (kind) {
    case "input":
      return `the input is refused: ${String(actual)}`;
    case "output":
      return `the output of "${moved}" is refused: ${String(actual)}`;
    case "decision":
      return `the handler decides ${is}, and decided ${was}`;
    case "state":
      return `after "${moved}" it is at ${is}, and was at ${was}`;
    case "effects":
      return `"${moved}" leads to ${is}, and led to ${was}`;
    case "ignored":
      return `"${moved}" does not move it: ${String(actual)}`;
    case "broken":
      return `"${moved}" breaks it: ${String(actual)}`;
  }
}
