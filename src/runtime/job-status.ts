// What a job's `status` is: one of a closed list, told from its envelope alone.
import { activeStates } from "../actor/active-states.ts";
import type { Envelope } from "../actor/envelope.ts";
import { contextOf } from "../actor/unread-context.ts";
import { actorKind, type ActorKind } from "../blueprint/actor-kind.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import { retryEvent } from "../blueprint/flow-engine.ts";
import { awaitedApproval } from "../blueprint/job-data.ts";
import type { JobStatus } from "../store/records.ts";

/** Failures that the blueprint's author or the caller must mend; all others wait in quarantine for an operator. */
const failedCodes =
  /^(INVALID_INPUT_ERROR$|INTEGRITY_MISMATCH_ERROR$|machine\.|context\.|turn\.|flow\.|task\.unhandled_status$)/;

/** States with this tag wait for a person. */
const humanTag = "human";

/** Handlers, and promises marked so, run inside the turn that starts them. */
const runsInTurn = (kind: ActorKind): boolean =>
  kind.kind === "handler" || (kind.kind === "promise" && kind.inTurn);

export function jobStatus(blueprint: Blueprint, envelope: Envelope): JobStatus {
  const { machine } = blueprint;
  switch (envelope.status) {
    case "done":
      return "finished";
    case "stopped":
      return "cancelled";
    case "error":
      return failedCodes.test(envelope.error?.code ?? "") ? "failed" : "quarantined";
    case "active":
      break;
  }
  if (envelope.ending !== undefined) return "waiting_for_sub_job";
  const open = Object.values(envelope.children).filter((child) => !child.settled);
  const kinds = open.map(({ src }) => actorKind(machine, src));
  if (kinds.some(runsInTurn)) return "running";
  const isList = kinds.some(({ kind }) => kind === "task_list");
  const jobs = kinds.filter(({ kind }) => kind === "job");
  const tasks = kinds.length - jobs.length;
  if (tasks > 1 || isList) return "waiting_for_parallel_tasks";
  if (tasks === 1) return "waiting_for_worker";
  if (jobs.length > 0) return "waiting_for_sub_job";

  const timers = Object.values(envelope.timers).flat();
  if (timers.some(({ event }) => event.type === retryEvent)) return "awaiting_retry";
  if (blueprint.style === "flow" && awaitedApproval(blueprint, contextOf(envelope)))
    return "waiting_for_human";
  const { tags, events } = activeStates(machine, envelope.value);
  if (tags.has(humanTag)) return "waiting_for_human";
  return events.length === 0 && timers.length > 0 ? "waiting_for_timer" : "waiting_for_event";
}
