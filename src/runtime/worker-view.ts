// What lists of workers show of one.
import { isSilent, slotsMax, typeRoom } from "./dispatch/suitability.ts";
import type { Member } from "./worker-pool.ts";

/** How busy a worker's process is, as far as it says. */
export interface WorkerUsage {
  /** The share of its machine's processors that it uses, 0 to 1. */
  readonly cpu?: number;
  readonly memoryBytes?: number;
  /** The longest that its event loop was late between its latest two heartbeats, in milliseconds. */
  readonly loopLagMs?: number;
}

/** What lists of workers show. */
export interface WorkerView {
  readonly workerId: string;
  readonly workerType: string;
  readonly types: readonly string[];
  readonly maxConcurrentTasks: number;
  readonly running: number;
  /** How many slots of `maxConcurrentTasks` are left: a task may take several. */
  readonly freeSlots: number;
  /** All its slots while it does not pause: what it can be asked for at most. */
  readonly slotsMax: number;
  /** How many more tasks it takes of the types that it limits, by themselves or as a pool. */
  readonly typeRoom?: Readonly<Record<string, number>>;
  /** Of a worker that asks for each of its tasks: how many it asks for now. */
  readonly asking?: number;
  /** It did not accept what it was given last, and is given nothing more before it says something. */
  readonly silent?: true;
  /** The queue for whose next task it keeps its slots free. */
  readonly savingFor?: string;
  readonly status: "idle" | "busy" | "draining";
  readonly connectedAt: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: Readonly<Record<string, unknown>>;
  readonly costPerSecond?: number;
  readonly installedModels?: readonly unknown[];
  /** What it has loaded and would do at once. */
  readonly hotCache?: readonly string[];
  /** How busy its process is, as it said last. */
  readonly usage?: WorkerUsage;
  /** How its tasks have ended, as the node has measured it: 1 is best. */
  readonly reputation: number;
}

/** @param reputation as the node has measured it */
export function viewOf(member: Member, reputation: number): WorkerView {
  const { session, introduction } = member;
  const { labels, resources, costPerSecond, installedModels, hotCache } = introduction;
  return {
    workerId: session.workerId,
    workerType: introduction.workerType,
    types: [...session.types.keys()],
    maxConcurrentTasks: member.credits,
    running: member.running.size,
    freeSlots: member.draining ? 0 : Math.max(0, member.credits - member.usedSlots),
    slotsMax: slotsMax(member),
    ...limitedRoom(member),
    ...(session.asking !== undefined && { asking: session.asking }),
    ...(isSilent(member) && { silent: true }),
    ...(member.savingFor !== undefined && { savingFor: member.savingFor }),
    status: member.draining ? "draining" : member.usedSlots >= member.credits ? "busy" : "idle",
    connectedAt: member.connectedAt,
    labels,
    resources,
    ...(costPerSecond !== undefined && { costPerSecond }),
    ...(installedModels && { installedModels }),
    ...(hotCache && { hotCache }),
    ...(member.usage && { usage: member.usage }),
    reputation,
  };
}

function limitedRoom(member: Member): Pick<WorkerView, "typeRoom"> {
  const limited = [...member.session.types.keys()]
    .map((type) => [type, typeRoom(member, type)] as const)
    .filter(([, room]) => room !== Number.POSITIVE_INFINITY);
  return limited.length === 0 ? {} : { typeRoom: Object.fromEntries(limited) };
}
