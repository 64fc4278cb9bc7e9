// What must hold when the storm is over, whatever happened in it. Checked from the store and from what workers noted.
import { decodeEnvelope } from "../../../src/actor/codec.ts";
import { BlueprintRegistry } from "../../../src/blueprint/registry.ts";
import type { JobSummary } from "../../../src/store/records.ts";
import type { Store } from "../../../src/store/store.ts";
import { auditStore } from "../audit.ts";
import { order } from "./order.ts";
import type { Note } from "./party.ts";

/**
 * Everything that is wrong, each in a sentence that begins with the name of the invariant that it breaks:
 *
 * I1 no job is lost or doubled; I2 every step exactly once, and each job replays to its state; I4 no result is applied
 * twice, and what is applied is what the attempt answered; I5 an attempt has one owner; I6 no timer and I7 no task is
 * left over; I8 no lease is; I14 the lists are those of the jobs.
 *
 * @param mayLose whether the store may have lost what it acknowledged last: acknowledged jobs may be gone, and those that
 *   had talked to others meanwhile in quarantine
 * @param accepted by job id: the name that a client was told the job was started with
 */
export async function verdict(
  store: Store,
  accepted: ReadonlyMap<string, string>,
  notes: readonly Note[],
  mayLose = false,
): Promise<readonly string[]> {
  const blueprints = new BlueprintRegistry();
  blueprints.register(order);
  const { jobs, violations } = await auditStore(store, blueprints);
  const found = violations.map((violation) => `I2: ${violation}`);

  for (const [jobId, name] of accepted) {
    const summary = jobs.get(jobId);
    if (!summary) {
      if (!mayLose) found.push(`I1: ${jobId} ("${name}") was acknowledged, and is gone`);
    } else if (mayLose && summary.status === "quarantined") continue;
    else if (summary.currentState !== "done")
      found.push(`I1: ${jobId} ended in ${summary.currentState} (${summary.status})`);
  }
  const names = new Map<string, string>();
  for (const jobId of jobs.keys()) {
    const job = await store.loadJob(jobId);
    const { name } = decodeEnvelope(job!.envelope).context as { name: string };
    const other = names.get(name);
    // A key that is lost makes a second job of a start that was not answered.
    if (other !== undefined && !mayLose)
      found.push(`I1: "${name}" was started as ${other} and as ${jobId}`);
    names.set(name, jobId);
    found.push(...(await auditResults(store, jobId)));
  }
  // An attempt that is lost has its number given to the next.
  if (!mayLose) found.push(...auditAttempts(notes));

  for (let shard = 0; shard < store.shards; shard++) {
    const due = await store.due(1000, shard);
    for (const { jobId, timerId } of due.timers)
      found.push(`I6: ${jobId} has the timer ${timerId}`);
    for (const { taskId } of [...due.expired, ...due.overdue]) found.push(`I7: ${taskId} is left`);
    if (due.next !== undefined) found.push(`I8: something in shard ${shard} is due at ${due.next}`);
  }
  for (const [queue, count] of Object.entries(await store.countQueues()))
    found.push(`I7: ${count} tasks are left in ${queue}`);
  found.push(...(await auditCounts(store, jobs)));
  return found;
}

/** Each task of a job has one result, which is the one that its attempt gave. */
async function auditResults(store: Store, jobId: string): Promise<readonly string[]> {
  const found: string[] = [];
  const taken = new Set<string>();
  for (const { message, revision } of await store.history(jobId, 0, 10_000)) {
    if (message.type !== "done" && message.type !== "failed") continue;
    const { generation } = message;
    if (taken.has(generation)) found.push(`I4: ${generation} was taken twice, last at ${revision}`);
    taken.add(generation);
    if (
      message.type === "done" &&
      !String((message.output as { by: string }).by).includes(generation)
    )
      found.push(`I4: ${generation} got the result of another task`);
  }
  return found;
}

/** Nobody ran an attempt that another one had. */
function auditAttempts(notes: readonly Note[]): readonly string[] {
  const found: string[] = [];
  const owners = new Map<string, string>();
  for (const { event, taskId, attempt, worker } of notes) {
    if (event !== "begin") continue;
    const name = `${taskId} attempt ${attempt}`;
    const owner = owners.get(name);
    if (owner !== undefined && owner !== worker)
      found.push(`I5: ${owner} and ${worker} ran ${name}`);
    owners.set(name, worker);
  }
  return found;
}

async function auditCounts(
  store: Store,
  jobs: ReadonlyMap<string, JobSummary>,
): Promise<readonly string[]> {
  const counts: Record<string, number> = {};
  const found: string[] = [];
  for (const [jobId, listed] of jobs) {
    counts[listed.status] = (counts[listed.status] ?? 0) + 1;
    const stored = (await store.loadJob(jobId))!.summary;
    if (JSON.stringify(stored) !== JSON.stringify(listed))
      found.push(`I14: ${jobId} is listed as something else than it is`);
  }
  const told = await store.countJobs();
  if (JSON.stringify(sorted(told)) !== JSON.stringify(sorted(counts)))
    found.push(`I14: ${JSON.stringify(told)} is counted, ${JSON.stringify(counts)} is listed`);
  return found;
}

function sorted(counts: Readonly<Record<string, number>>): readonly (readonly [string, number])[] {
  return Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1));
}
