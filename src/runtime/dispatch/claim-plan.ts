// What a member asks a shard for: which queues, in whose turn, and how many slots.
import type { AskedQueue } from "../../store/store.ts";
import type { Member } from "../worker-pool.ts";
import type { KnownQueue } from "./backlog.ts";
import { atOnceMax } from "./choose.ts";
import { specOf } from "./queue.ts";
import { freeSlots, memberLack, roomFor, roomOf, slotsAt, typeRoom } from "./suitability.ts";

export interface ClaimPlan {
  readonly queues: readonly AskedQueue[];
  /** The most slots in all. */
  readonly limit: number;
}

/** What the dispatcher knows besides. */
export interface PlanFacts {
  /** Now, by a clock that only goes forward, in milliseconds. */
  readonly now: number;
  /** How many tasks of a queue may begin now, as far as pauses and rates go. */
  readonly open: (queue: string) => number;
  /** When the queue's key had its last turn. */
  readonly turnOf: (queue: string) => number;
  /** Whether another member has room for the queue, too. */
  readonly hasOther: (queue: string) => boolean;
  /** Whether some member keeps its slots free for the queue. */
  readonly isSavedFor: (queue: string) => boolean;
  /** As in `RuntimeLimits`. */
  readonly softLimit: number;
  /** Alternates between what cannot be asked for at once. */
  readonly round: number;
}

/** More queues than this are asked in several claims, the keys in turn. */
const askedMax = 64;
/** A task that takes more slots than are free waits so long before a worker keeps its slots free for it. */
const savesAfterMs = 10_000;

/**
 * @returns undefined where nothing is to be asked for now, or the queue for whose large tasks the member is to keep its
 *   slots free from now on
 */
export function planClaim(
  member: Member,
  known: ReadonlyMap<string, KnownQueue>,
  facts: PlanFacts,
): ClaimPlan | { readonly saveFor: string } | undefined {
  const free = freeSlots(member);
  if (free === 0) return undefined;
  const found: { readonly queue: string; readonly limit: number; readonly slots: number }[] = [];
  const askedOf = new Map<string, number>();
  for (const [queue, entry] of known) {
    if (entry.blocked || memberLack(member, queue) !== undefined) continue;
    if (member.savingFor !== undefined && member.savingFor !== queue) continue;
    const spec = specOf(queue);
    const { key, rate } = spec.limit ?? {};
    // Queues of one key share its rate: what is asked of the one is not there for the other.
    const open = facts.open(queue) - (key === undefined ? 0 : (askedOf.get(key) ?? 0));
    if (open <= 0) continue;
    const room = roomFor(member, queue);
    if (room === 0) {
      // It has too few slots free. Once that has lasted, one member begins nothing else until it has as many.
      if (typeRoom(member, spec.type) === 0) continue;
      entry.shortSince ??= facts.now;
      const isLong = facts.now - entry.shortSince >= savesAfterMs;
      if (isLong && !facts.isSavedFor(queue)) return { saveFor: queue };
      continue;
    }
    const most = atOnceMax(spec.strategy, Math.max(0, member.credits - free), facts.softLimit);
    const limit = Math.min(room, open, most < room && facts.hasOther(queue) ? most : room);
    if (key !== undefined && rate) askedOf.set(key, (askedOf.get(key) ?? 0) + limit);
    found.push({ queue, limit, slots: slotsAt(member, spec) });
  }
  const { queues, limit } = ofOneGroup(member, found, facts.round, free);
  if (queues.length === 0) return undefined;
  const inTurn = queues.toSorted((a, b) => facts.turnOf(a.queue) - facts.turnOf(b.queue));
  const lanes = new Map<string, number>();
  return {
    limit,
    queues: inTurn.slice(0, askedMax).map((asked) => {
      const key = specOf(asked.queue).limit?.key ?? "";
      const lane = lanes.get(key) ?? lanes.size;
      lanes.set(key, lane);
      return { ...asked, lane };
    }),
  };
}

/**
 * A claim's limit holds for all its queues. So several queues of a type, or of a pool of types, of which the member takes
 * only so many are asked by themselves, in turn with everything else.
 */
function ofOneGroup<Asked extends { readonly queue: string; readonly limit: number }>(
  member: Member,
  found: readonly Asked[],
  round: number,
  free: number,
): { readonly queues: readonly Asked[]; readonly limit: number } {
  const counts = new Map<string, number>();
  for (const { queue } of found) {
    const { type } = specOf(queue);
    counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  const groups: { readonly queues: readonly Asked[]; readonly limit: number }[] = [];
  let others = found;
  const split = (types: ReadonlySet<string>, limit: number): void => {
    const queues = others.filter(({ queue }) => types.has(specOf(queue).type));
    if (queues.length < 2 || limit >= free) return;
    groups.push({ queues, limit });
    others = others.filter((asked) => !queues.includes(asked));
  };
  for (const [type, count] of counts) if (count > 1) split(new Set([type]), typeRoom(member, type));
  for (const { types, limit } of member.session.pools ?? [])
    split(types, roomOf(member, types, limit));
  if (groups.length === 0) return { queues: found, limit: free };
  if (others.length > 0) groups.push({ queues: others, limit: free });
  return groups[round % groups.length]!;
}
