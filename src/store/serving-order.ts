// Who is served next among the queues that a claim asks: priority with ageing, lanes in turn, then age.
import type { NewTask } from "./records.ts";
import type { AskedQueue, Claim } from "./store.ts";

/** A task that waits, as far as its place depends on it. */
export interface Waiting {
  /** How many tasks were added before it. */
  readonly sequence: number;
  readonly task: Pick<NewTask, "priority" | "placement"> & { readonly createdAt: number };
}

/** The tasks of one asked queue that might be claimed: of each priority the first ones, first to be claimed first. */
export interface AskedTasks<Row extends Waiting> {
  readonly asked: AskedQueue;
  /** By priority. */
  readonly waiting: ReadonlyMap<number, readonly Row[]>;
}

interface Open<Row> {
  readonly asked: AskedQueue;
  readonly waiting: Map<number, readonly Row[]>;
  left: number;
}

/**
 * The tasks that a claim gets, in order.
 *
 * A task counts as one priority more urgent for each `ageMs` that it has waited. Among tasks of the priority that has
 * the most urgent one, lanes are served in turn, and within a lane who was added first. A queue whose next task has a
 * key that runs as often as it may gives nothing more.
 *
 * @param running how many tasks with the key are leased now, up to a number
 */
export function servingOrder<Row extends Waiting>(
  all: readonly AskedTasks<Row>[],
  { limit, ageMs }: Pick<Claim, "limit" | "ageMs">,
  now: number,
  running: (key: string, most: number) => number,
): readonly Row[] {
  const open = all.map(({ asked, waiting }): Open<Row> => ({
    asked,
    waiting: new Map(waiting),
    left: asked.limit,
  }));
  const turns = new Map<number, number>();
  const begun = new Map<string, number>();
  const served: Row[] = [];
  for (let left = limit; left > 0;) {
    const heads = open.flatMap((queue) =>
      queue.left > 0 && slotsOf(queue.asked) <= left
        ? [...queue.waiting].flatMap(([priority, [row]]) => (row ? [{ queue, priority, row }] : []))
        : [],
    );
    const priority = mostUrgent(heads, ageMs, now);
    if (priority === undefined) break;
    const [next] = heads
      .filter((head) => head.priority === priority)
      .toSorted(
        (a, b) =>
          turnOf(turns, a.queue.asked) - turnOf(turns, b.queue.asked) ||
          laneOf(a.queue.asked) - laneOf(b.queue.asked) ||
          a.row.sequence - b.row.sequence,
      );
    const { queue, row } = next!;
    const { key, concurrency } = row.task.placement?.limit ?? {};
    if (key !== undefined && concurrency !== undefined) {
      const count = running(key, concurrency) + (begun.get(key) ?? 0);
      if (count >= concurrency) {
        queue.left = 0;
        continue;
      }
    }
    if (key !== undefined) begun.set(key, (begun.get(key) ?? 0) + 1);
    served.push(row);
    queue.waiting.set(priority, queue.waiting.get(priority)!.slice(1));
    queue.left -= 1;
    left -= slotsOf(queue.asked);
    turns.set(laneOf(queue.asked), turnOf(turns, queue.asked) + 1);
  }
  return served;
}

/** The priority whose longest waiting task is the most urgent; the higher one where two are equal. */
function mostUrgent(
  heads: readonly { readonly priority: number; readonly row: Waiting }[],
  ageMs: number | undefined,
  now: number,
): number | undefined {
  const oldest = new Map<number, number>();
  for (const { priority, row } of heads)
    oldest.set(priority, Math.min(oldest.get(priority) ?? Infinity, row.task.createdAt));
  const urgency = (priority: number): number =>
    priority + (ageMs === undefined ? 0 : Math.floor((now - oldest.get(priority)!) / ageMs));
  return [...oldest.keys()].toSorted((a, b) => urgency(b) - urgency(a) || b - a)[0];
}

const laneOf = ({ lane = 0 }: AskedQueue): number => lane;
const slotsOf = ({ slots = 1 }: AskedQueue): number => slots;
const turnOf = (turns: ReadonlyMap<number, number>, asked: AskedQueue): number =>
  turns.get(laneOf(asked)) ?? 0;
