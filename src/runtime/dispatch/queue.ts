// What a queue's name says: tasks of one queue ask for the same, so that any of them will do for a worker.
import type { Placement } from "../../blueprint/placement.ts";

/** What the tasks of a queue have in common. */
export interface QueueSpec extends Placement {
  readonly type: string;
}

/**
 * The name of the queue for tasks of this kind: the type, and behind a line break what they ask for besides, as JSON
 * whose members are in order. Every node reads from it whom the tasks are for, without looking at one of them.
 */
export function queueOf({ type, ...placement }: QueueSpec): string {
  const { strategy, slots, ...rest } = placement;
  const asked = {
    ...rest,
    ...(strategy !== undefined && strategy !== "default" && { strategy }),
    ...(slots !== undefined && slots !== 1 && { slots }),
  };
  return Object.keys(asked).length === 0 ? type : `${type}\n${canonical(asked)}`;
}

const specs = new Map<string, QueueSpec>();
/** Keys of limits may be many; what is forgotten is parsed again. */
const specsMax = 10_000;

/** What the tasks of a queue ask for. */
export function specOf(queue: string): QueueSpec {
  const known = specs.get(queue);
  if (known) return known;
  const end = queue.indexOf("\n");
  const spec: QueueSpec =
    end < 0
      ? { type: queue }
      : { type: queue.slice(0, end), ...(JSON.parse(queue.slice(end + 1)) as Placement) };
  if (specs.size >= specsMax) specs.clear();
  specs.set(queue, spec);
  return spec;
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
