// What a worker does with tasks: results, failures, progress, cancellation, limits, and answers that get lost.
import { CheckFailed, CheckSkipped, isAnswered, isTaken, type Check } from "./check.ts";
import { mismatch } from "./match.ts";
import type { Dispatched } from "./orchestrator.ts";

/** How long a cancelled handler may take. */
const cancelMs = 2_000;

/** @param expected What the data must have in them; undefined where anything goes. */
export function doesTask(type: string, expected: unknown): Check {
  return {
    name: `does "${type}"`,
    async run(bench) {
      const { orchestrator, options } = bench;
      const dispatched = orchestrator.dispatch(type, options.paramsOf(type));
      await bench.pickup(dispatched);
      const { at, outcome } = await bench.resultOf(dispatched);
      if (outcome.outcome === "cancelled")
        throw new CheckFailed("It cancelled the task, although nobody asked for that.");
      if (outcome.outcome === "error")
        throw new CheckFailed(`It failed with ${outcome.error.code}: ${outcome.error.message}`);
      if (!options.statuses.includes(outcome.status))
        throw new CheckFailed(
          `Its status is "${outcome.status}", not ${options.statuses.join(" or ")}.`,
        );
      const found = expected === undefined ? undefined : mismatch(outcome.output, expected);
      if (found !== undefined) throw new CheckFailed(`The result is wrong: ${found}.`);
      return `${Math.round(at - dispatched.at)} ms`;
    },
  };
}

export const refusesUnknownTask: Check = {
  name: "refuses a task that it does not know",
  async run(bench) {
    const dispatched = bench.orchestrator.dispatch("no_such_task", {});
    await bench.expect(bench.options.timeoutMs, "an answer to a task of an unknown type", () =>
      isAnswered(dispatched),
    );
    const [result] = dispatched.results;
    if (result?.outcome.outcome === "ok")
      throw new CheckFailed(
        `It says that it did a task of an unknown type: "${result.outcome.status}".`,
      );
    return result?.outcome.outcome === "error"
      ? `${result.outcome.error.code}: ${result.outcome.error.message}`
      : "gave it back";
  },
};

export function failsTask(params: unknown): Check {
  return {
    name: "says so when a task fails",
    async run(bench) {
      const dispatched = bench.orchestrator.dispatch(bench.type, params);
      const { outcome } = await bench.resultOf(dispatched);
      if (outcome.outcome === "error") return `${outcome.error.code}: ${outcome.error.message}`;
      throw new CheckFailed(
        `The task ended as "${outcome.outcome === "ok" ? outcome.status : outcome.outcome}", not as an error.`,
      );
    },
  };
}

export const reportsProgress: Check = {
  name: "reports progress in order",
  async run(bench) {
    const dispatched = bench.orchestrator.dispatch(bench.type, bench.options.paramsOf(bench.type));
    await bench.resultOf(dispatched);
    const ratios = dispatched.progress.flatMap(({ ratio }) => ratio ?? []);
    if (dispatched.progress.length === 0)
      throw new CheckFailed(
        bench.introduction.dialect === "older"
          ? "There was none. A Python worker needs WORKER_ENABLE_WEBSOCKETS=true for it."
          : "There was none.",
      );
    const back = ratios.findIndex((ratio, n) => n > 0 && ratio < ratios[n - 1]!);
    if (back > 0)
      throw new CheckFailed(`It went back from ${ratios[back - 1]} to ${ratios[back]}.`);
    return `${dispatched.progress.length} reports`;
  },
};

export const heedsCancellation: Check = {
  name: "stops a task that is cancelled",
  async run(bench) {
    const { orchestrator, options } = bench;
    const dispatched = orchestrator.dispatch(bench.type, options.paramsOf(bench.type));
    await bench.pickup(dispatched);
    if (isAnswered(dispatched))
      throw new CheckFailed(
        "The task ended before it could be cancelled; give params that make it take longer.",
      );
    orchestrator.cancel(dispatched, cancelMs);
    await bench.expect(cancelMs, "the end of the cancelled task", () => isAnswered(dispatched));
    const [result] = dispatched.results;
    const isCancelled = result === undefined || result.outcome.outcome === "cancelled";
    if (!isCancelled)
      throw new CheckFailed(`It was cancelled, and reported "${result.outcome.outcome}".`);
    const endedAt = result?.at ?? dispatched.releasedAt!;
    return `within ${Math.round(endedAt - dispatched.cancelledAt!)} ms`;
  },
};

export const keepsItsLimit: Check = {
  name: "runs no more tasks than it said",
  async run(bench) {
    const { orchestrator, options } = bench;
    const { credits } = bench.introduction;
    if (credits > 200) throw new CheckSkipped(`a limit of ${credits} is more than this test sends`);
    const sent = Array.from({ length: credits + 1 }, () =>
      orchestrator.dispatch(bench.type, options.paramsOf(bench.type)),
    );
    await bench.expect(options.timeoutMs, `the end of ${sent.length} tasks`, () =>
      sent.every(isAnswered),
    );
    const most = mostAtOnce(sent);
    if (most > credits)
      throw new CheckFailed(`It ran ${most} tasks at once, and had said ${credits}.`);
    return `${most} of ${credits} at once`;
  },
};

/** The most that were accepted and not answered at any one moment. */
function mostAtOnce(sent: readonly Dispatched[]): number {
  const changes = sent.flatMap(({ acceptedAt, results, releasedAt }) => {
    const endedAt = results[0]?.at ?? releasedAt;
    if (acceptedAt === undefined || endedAt === undefined) return [];
    return [[acceptedAt, 1] as const, [endedAt, -1] as const];
  });
  let now = 0;
  let most = 0;
  // An end and a beginning at the same moment are one after the other.
  for (const [, change] of changes.toSorted(([a, x], [b, y]) => a - b || x - y)) {
    now += change;
    most = Math.max(most, now);
  }
  return most;
}

export const sendsResultAgain: Check = {
  name: "sends a result again that was not taken",
  async run(bench) {
    const { orchestrator, options } = bench;
    orchestrator.resultsToFail = 1;
    const dispatched = orchestrator.dispatch(bench.type, options.paramsOf(bench.type));
    await bench.expect(
      options.timeoutMs,
      "a first result, which is not taken",
      () => orchestrator.resultsToFail === 0,
    );
    const failedAt = performance.now();
    await bench.expect(
      options.timeoutMs,
      "the same result once more",
      () => dispatched.results.length > 0,
    );
    return `after ${Math.round(performance.now() - failedAt)} ms`;
  },
};

export const bearsDuplicate: Check = {
  name: "does a task once that comes twice",
  async run(bench) {
    if (bench.introduction.dialect === "older")
      throw new CheckSkipped(
        "Python workers do not look; the orchestrator gives each attempt once",
      );
    const { orchestrator, options } = bench;
    const dispatched = orchestrator.dispatch(bench.type, options.paramsOf(bench.type));
    orchestrator.dispatchAgain(dispatched);
    await bench.expect(options.pickupMs, "its pickup", () => isTaken(dispatched));
    await bench.resultOf(dispatched);
    // A second result would come about as fast as the first.
    await bench.within(500, () => dispatched.results.length > 1);
    if (dispatched.results.length > 1) throw new CheckFailed("It was done twice.");
    return "once";
  },
};
