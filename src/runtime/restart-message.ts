// What a job begins with that begins where another one was: all of it, with what was edited.
import { encodeEnvelope } from "../actor/codec.ts";
import { toData } from "../actor/data.ts";
import type { Message, StartOfChild } from "../actor/effect.ts";
import type { Envelope } from "../actor/envelope.ts";
import { startInput } from "../blueprint/actor-kind.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import { RuntimeError } from "../errors.ts";
import type { OutboxBody } from "./outbox-message.ts";
import type { RestartJob } from "./past-service.ts";

interface Moment {
  readonly blueprint: Blueprint;
  readonly envelope: Envelope;
  /** Store time. */
  readonly takenAt: number;
  readonly started: Readonly<Record<string, StartOfChild>>;
}

/** @throws RuntimeError `job.not_restartable`, `request.invalid`, `blueprint.input_invalid` */
export function restartMessage(
  { jobId, revision, context: edited, by }: RestartJob,
  { blueprint, envelope, takenAt, started }: Moment,
): Message & { readonly type: "restart" } {
  if (envelope.status !== "active" || envelope.ending !== undefined)
    throw new RuntimeError(
      "job.not_restartable",
      `After revision ${revision} job ${jobId} had ended, so nothing goes on from there: choose an earlier one.`,
      { jobId, revision },
    );
  const context = edited ? editedContext(blueprint, envelope.context, edited) : envelope.context;
  const running = Object.entries(envelope.children).filter(([, { settled }]) => !settled);
  return {
    type: "restart",
    from: { jobId, revision },
    envelope: encodeEnvelope({ ...envelope, context }),
    takenAt,
    started: Object.fromEntries(
      running.flatMap(([id]) => {
        const start = started[id];
        return start ? [[id, { ...start, event: storable(start.event) }] as const] : [];
      }),
    ),
    ...(edited && { edited }),
    by,
  };
}

/** For the job where the new one began. */
export function restartNote(
  as: string,
  { from, edited, by }: Extract<Message, { type: "restart" }>,
): OutboxBody {
  const { jobId: to, revision } = from;
  return { kind: "restarted", to, as, revision, ...(edited !== undefined && { edited }), by };
}

/** Where a flow keeps what its authors know by other names. */
const flowMembers: Readonly<Record<string, string>> = {
  initial_data: "initialData",
  state_history: "stateHistory",
};

function editedContext(
  blueprint: Blueprint,
  context: unknown,
  edited: Readonly<Record<string, unknown>>,
): unknown {
  const isRecord = typeof context === "object" && context !== null && !Array.isArray(context);
  if (!isRecord) throw refused(blueprint, "its jobs have no context with members");
  if (blueprint.style === "native") return { ...context, ...edited };
  const members = Object.entries(edited).map(([name, value]) => {
    const member = Object.hasOwn(flowMembers, name) ? flowMembers[name] : undefined;
    if (member === undefined)
      throw refused(blueprint, `of a flow only ${Object.keys(flowMembers).join(" and ")} can be`);
    return [member, name === "initial_data" ? parsed(blueprint, value) : value] as const;
  });
  return { ...context, ...Object.fromEntries(members) };
}

function parsed(blueprint: Blueprint, value: unknown): unknown {
  const result = startInput(blueprint, value);
  if ("input" in result) return result.input;
  const { message, details } = result.failure;
  throw new RuntimeError("blueprint.input_invalid", message, { issues: details });
}

function refused({ name }: Blueprint, why: string): RuntimeError {
  return new RuntimeError(
    "request.invalid",
    `The context of blueprint "${name}" can't be edited so: ${why}.`,
    { blueprint: name },
  );
}

/** Of an event that holds what can't be written down, its type. */
function storable(event: StartOfChild["event"]): StartOfChild["event"] {
  try {
    return JSON.parse(JSON.stringify(toData(event, "event"))) as StartOfChild["event"];
  } catch {
    return { type: event.type };
  }
}
