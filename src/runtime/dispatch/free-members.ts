// The members that offer one type, those with room for a task of it apart and in order: who has none costs no look.
import type { Strategy } from "../../blueprint/placement.ts";
import type { Member } from "../worker-pool.ts";
import { compareBy, type Candidate } from "./choose.ts";
import { Heap } from "./heap.ts";
import { candidate, roomFor } from "./suitability.ts";

/** A member as one of those that offer the type. */
export interface Choice {
  readonly member: Member;
  /** Grows with each member: of those that are equally good, the first is chosen. */
  readonly order: number;
  readonly as: Candidate;
}

interface Place {
  readonly member: Member;
  readonly order: number;
  as: Candidate;
}

/** What a choice depends on besides the members themselves is not kept in order. */
type Ordered = Exclude<Strategy, "best_value">;

export class FreeMembers {
  readonly #type: string;
  readonly #softLimit: number;
  readonly #places = new Map<Member, Place>();
  /** Those with room. Nothing that they are chosen by changes without a word. */
  readonly #free = new Set<Place>();
  /** Those whose room depends on more than their slots, or changes without a word. */
  readonly #special = new Set<Place>();
  /** Since their places were looked at last. */
  readonly #changed = new Set<Place>();
  /** The free ones, for each strategy that was asked for. */
  readonly #heaps = new Map<Ordered, Heap<Choice>>();
  #orders = 0;

  /** @param softLimit as in `RuntimeLimits` */
  constructor(type: string, softLimit: number) {
    this.#type = type;
    this.#softLimit = softLimit;
  }

  get size(): number {
    return this.#places.size;
  }

  /** Take a member in, at the end; one that is here already stays where it is. */
  add(member: Member): void {
    if (this.#places.has(member)) return;
    const place = { member, order: ++this.#orders, as: candidate(member, { type: this.#type }, 1) };
    this.#places.set(member, place);
    this.#changed.add(place);
  }

  delete(member: Member): void {
    const place = this.#places.get(member);
    if (!place) return;
    this.#places.delete(member);
    this.#changed.delete(place);
    this.#special.delete(place);
    this.#release(place);
  }

  /** Something about a member has changed. */
  changed(member: Member): void {
    const place = this.#places.get(member);
    if (place) this.#changed.add(place);
  }

  /** Members of which some may have room for a task, in no order; no other has. */
  *likely(): Generator<Choice> {
    this.#settle();
    yield* this.#free;
    yield* this.#special;
  }

  /** The best choice for a task of a queue that asks for nothing but the type, and perhaps the strategy. */
  best(queue: string, strategy: Ordered): Member | undefined {
    this.#settle();
    const { first, isBefore } = this.#heap(strategy);
    let best: Choice | undefined = first;
    for (const { member, order } of this.#special) {
      if (roomFor(member, queue) === 0) continue;
      const choice = { member, order, as: candidate(member, { type: this.#type }, 1) };
      if (!best || isBefore(choice, best)) best = choice;
    }
    return best?.member;
  }

  #heap(strategy: Ordered): Heap<Choice> {
    const known = this.#heaps.get(strategy);
    if (known) return known;
    const heap = new Heap<Choice>(order(compareBy(strategy, this.#softLimit)));
    for (const place of this.#free) heap.put(place);
    this.#heaps.set(strategy, heap);
    return heap;
  }

  /** Put those that have changed where they belong. */
  #settle(): void {
    for (const place of this.#changed) {
      const { member } = place;
      const isSpecial = this.#isSpecial(member);
      if (isSpecial) this.#special.add(place);
      else this.#special.delete(place);
      if (isSpecial || roomFor(member, this.#type) === 0) this.#release(place);
      else {
        place.as = candidate(member, { type: this.#type }, 1);
        this.#free.add(place);
        for (const heap of this.#heaps.values()) heap.put(place);
      }
    }
    this.#changed.clear();
  }

  #release(place: Place): void {
    if (!this.#free.delete(place)) return;
    for (const heap of this.#heaps.values()) heap.delete(place);
  }

  #isSpecial({ session, savingFor }: Member): boolean {
    const { types, pools = [], asking } = session;
    return (
      asking !== undefined ||
      savingFor !== undefined ||
      types.get(this.#type) !== undefined ||
      pools.some((pool) => pool.types.has(this.#type))
    );
  }
}

/** Better ones first, and among those that are equally good, whoever came first. */
export function order(
  compare: (a: Candidate, b: Candidate) => number,
): (a: Choice, b: Choice) => boolean {
  return (a, b) => (compare(a.as, b.as) || a.order - b.order) < 0;
}
