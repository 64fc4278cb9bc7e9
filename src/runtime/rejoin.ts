// A job that was driven again hears of the child jobs that it kept: of their ends, or of what they say from then on.
import { decodeEnvelope } from "../actor/codec.ts";
import type { Message } from "../actor/effect.ts";
import type { Envelope } from "../actor/envelope.ts";
import type { Archive, ArchivedJob } from "../archive/archive.ts";
import { actorKind } from "../blueprint/actor-kind.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import type { BlueprintRegistry } from "../blueprint/registry.ts";
import { childJobId } from "../id.ts";
import type { StoredJob, StoredOutboxMessage } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { jobEnd } from "./children.ts";
import type { Mail } from "./mail.ts";
import type { OutboxBody } from "./outbox-message.ts";

type Rejoin = Extract<OutboxBody, { kind: "rejoin" }>;

/** Where child jobs are: in the live store, or in the archive once they have been kept for long enough. */
export interface Whereabouts {
  readonly store: Store;
  readonly archive?: Archive;
}

type FoundJob = StoredJob & Pick<ArchivedJob, "style">;

/**
 * The open child jobs that a redrive starts no second time: those that were left to themselves and go on, or are about to
 * begin, and those that have done what they were to. One that was cancelled with its parent, has failed, or is gone is
 * started again.
 */
export async function keptChildren(
  { jobId, children }: Envelope,
  { machine }: Blueprint,
  places: Whereabouts,
): Promise<readonly string[]> {
  const isStarting = startsOf(jobId, places.store);
  const kept = await Promise.all(
    Object.entries(children).map(async ([id, { src, settled, generation, shards }]) => {
      const kind = actorKind(machine, src);
      if (settled || kind.kind !== "job" || kind.parentClose === "cancel") return [];
      const found = await whereIs(childJobId(generation, shards), isStarting, places);
      if (found === "about to begin") return kind.parentClose === "abandon" ? [id] : [];
      const status = found && decodeEnvelope(found.envelope).status;
      const goesOn = status === "active" && kind.parentClose === "abandon";
      return status === "done" || goesOn ? [id] : [];
    }),
  );
  return kept.flat();
}

/** A child job; undefined where it is gone. */
async function whereIs(
  childId: string,
  isStarting: (childId: string) => Promise<boolean>,
  { store, archive }: Whereabouts,
): Promise<FoundJob | "about to begin" | undefined> {
  const live = await store.loadJob(childId);
  if (live) return live;
  if (await isStarting(childId)) return "about to begin";
  // It may have begun since, or have moved on to the archive.
  return (await store.loadJob(childId)) ?? (await archive?.load(childId));
}

/** Tells whether the parent's outbox still has the start of a child. It is read once, when it is asked for first. */
function startsOf(parentId: string, store: Store): (childId: string) => Promise<boolean> {
  let starting: Promise<ReadonlySet<string>> | undefined;
  const read = async (): Promise<ReadonlySet<string>> => {
    const { messages = [] } = (await store.exportJob(parentId)) ?? {};
    const bodies = messages.map(({ body }) => body as OutboxBody);
    return new Set(bodies.flatMap((body) => (body.kind === "start_job" ? [body.to] : [])));
  };
  return async (childId) => (await (starting ??= read())).has(childId);
}

/** What the outbox is to do once a job has been driven again. */
export function rejoinNotes(
  { children }: Envelope,
  { keeps = [] }: Extract<Message, { type: "redrive" }>,
): readonly Rejoin[] {
  return keeps.flatMap((child) => {
    const { generation, shards } = children[child]!;
    return [{ kind: "rejoin", to: childJobId(generation, shards), child, generation }] as const;
  });
}

/**
 * What the parent is to be told of a kept child, and whether it has to be looked at again.
 *
 * While the parent was over it let messages of the child go by, its end among them. From the redrive on none goes by: the
 * numbers of those that have do not come any more, and what is in the child's outbox does. A message that went by may still
 * be in there for a moment, so the last word is spoken over an outbox that has none for the parent.
 */
export async function rejoin(
  parentId: string,
  { to, child, generation }: Rejoin,
  { blueprints, ...places }: Whereabouts & { readonly blueprints: BlueprintRegistry },
): Promise<{ readonly mail?: Mail; readonly isLast: boolean }> {
  const about = { kind: "job_end", child, generation } as const;
  // One that has been archived says itself what its context means: its version need not be served any more.
  const endOf = ({ summary: { blueprint, version }, envelope, style }: FoundJob): Mail => ({
    ...about,
    end: jobEnd(
      style ? { style } : blueprints.require(blueprint, version),
      decodeEnvelope(envelope),
    ),
  });
  const dump = await places.store.exportJob(to);
  if (!dump) {
    const found = await whereIs(to, startsOf(parentId, places.store), places);
    if (found === "about to begin") return { isLast: false };
    if (found && decodeEnvelope(found.envelope).status === "active") return { isLast: false };
    if (found) return { mail: endOf(found), isLast: true };
    const message = `Job ${to}, which went on by itself, is gone: how it ended is not known.`;
    const error = { code: "job.not_found", message };
    const end = { jobId: to, status: "error", outcome: "failure", finalState: "", error } as const;
    return { mail: { ...about, end }, isLast: true };
  }
  const pending = dump.messages.flatMap((one) => numberFor(parentId, one));
  const envelope = decodeEnvelope(dump.job.envelope);
  if (pending.length === 0 && envelope.status !== "active")
    return { mail: endOf(dump.job), isLast: true };
  const sent = envelope.exchange?.sent ?? 0;
  const taken = Math.min(sent, ...pending.map((number) => number - 1));
  const message = { type: "rejoined", child, generation, taken } as const;
  return { mail: { kind: "message", message }, isLast: pending.length === 0 };
}

/** The number of a message that is for the parent. */
function numberFor(parentId: string, { body }: StoredOutboxMessage): readonly number[] {
  const message = body as OutboxBody;
  if (message.kind === "job_end" && message.to === parentId) return [message.number];
  const isSaid = message.kind === "event" && message.to === parentId;
  return isSaid && message.sender.kind === "child" ? [message.sender.number] : [];
}
