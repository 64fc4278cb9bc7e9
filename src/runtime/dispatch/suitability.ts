// What one connected worker is to the tasks of one queue: whether it may do them, how many now, and how good a choice it is.
import type { Member } from "../worker-pool.ts";
import type { Candidate } from "./choose.ts";
import { specOf, type QueueSpec } from "./queue.ts";
import { lack } from "./requirements.ts";

/** A worker that ignores this many pushes in a row gets no more before it has answered something. */
const ignoredMax = 3;
/** Queues for which a member's lacks are remembered. */
const lacksMax = 1000;

/**
 * What a member lacks for the tasks of a queue, whatever its load.
 *
 * @returns as of `lack`; undefined where it may do them
 */
export function memberLack(member: Member, queue: string): string | undefined {
  const spec = specOf(queue);
  if (!member.session.types.has(spec.type)) return `does not do "${spec.type}"`;
  if (!spec.requirements && spec.maxCost === undefined && spec.slots === undefined)
    return undefined;
  const known = member.lacks.get(queue);
  if (known !== undefined) return known || undefined;
  const found = lack(spec, { ...member.introduction, slots: slotsMax(member) });
  if (member.lacks.size >= lacksMax) member.lacks.clear();
  member.lacks.set(queue, found ?? "");
  return found;
}

/** All slots of a member: one that pauses for a while has no credits, and is to be waited for all the same. */
export function slotsMax({ credits, introduction }: Member): number {
  return Math.max(credits, introduction.credits);
}

/** Whether it has ignored so much that it is given nothing more. */
export function isSilent({ ignored }: Member): boolean {
  return ignored >= ignoredMax;
}

/** The slots of a member that are free, for tasks of whatever type. */
export function freeSlots(member: Member): number {
  if (member.draining || isSilent(member)) return 0;
  const { asking } = member.session;
  const free = asking ?? member.credits - member.usedSlots;
  return Math.max(0, free - member.reservedSlots);
}

/** How many slots of a member a task takes: those that ask for each task count for themselves. */
export function slotsAt({ session }: Member, { slots = 1 }: QueueSpec): number {
  return session.asking === undefined ? slots : 1;
}

/** How many more tasks of a queue a member may take now; its lacks aside. */
export function roomFor(member: Member, queue: string): number {
  if (member.savingFor !== undefined && member.savingFor !== queue) return 0;
  const spec = specOf(queue);
  const room = Math.floor(freeSlots(member) / slotsAt(member, spec));
  return Math.max(0, Math.min(room, typeRoom(member, spec.type)));
}

/** How many more tasks of a type a member may take, as far as its limits for that type and for its pool go. */
export function typeRoom(member: Member, type: string): number {
  const { types, pools = [] } = member.session;
  const limit = types.get(type);
  const pool = pools.find((one) => one.types.has(type));
  return Math.min(
    limit === undefined ? Number.POSITIVE_INFINITY : roomOf(member, new Set([type]), limit),
    pool ? roomOf(member, pool.types, pool.limit) : Number.POSITIVE_INFINITY,
  );
}

/** How many more tasks of these types together a member may take where `limit` is the most. */
export function roomOf(
  { reserved, running }: Member,
  types: ReadonlySet<string>,
  limit: number,
): number {
  let taken = 0;
  for (const type of types) taken += reserved.get(type) ?? 0;
  for (const { type } of running.values()) if (types.has(type)) taken++;
  return Math.max(0, limit - taken);
}

/** The member as the strategies see it. */
export function candidate(
  member: Member,
  { type, requirements = {} }: QueueSpec,
  reputation: number,
): Candidate {
  const { costPerSecond = 0, hotCache = [] } = member.introduction;
  const { installed_models = [] } = requirements;
  return {
    slots: Math.max(1, member.credits),
    free: freeSlots(member),
    cost: costPerSecond,
    reputation,
    warmth:
      hotCache.length === 0
        ? 0
        : [type, ...installed_models].filter((name) => hotCache.includes(name)).length,
    turn: member.turn,
  };
}
