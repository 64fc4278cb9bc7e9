// Which of several workers that may do a task is to do it: the strategies of the original.
import type { Strategy } from "../../blueprint/placement.ts";

/** A worker with room for the task. */
export interface Candidate {
  /** All its slots, and those that are free. */
  readonly slots: number;
  readonly free: number;
  /** What a second of it costs. */
  readonly cost: number;
  /** Measured, from 0 to 1: how often it has brought its tasks to an end. */
  readonly reputation: number;
  /** How many of the things that the task needs it has loaded. */
  readonly warmth: number;
  /** Grows with each task: the one with the least has waited longest for its turn. */
  readonly turn: number;
}

/** How many of its slots are taken. */
const running = ({ slots, free }: Candidate): number => slots - free;

type Order = (a: Candidate, b: Candidate) => number;

const warmer: Order = (a, b) => b.warmth - a.warmth;
const cheaper: Order = (a, b) => a.cost - b.cost;
const fewerRunning: Order = (a, b) => running(a) - running(b);
const moreFree: Order = (a, b) => b.free / b.slots - a.free / a.slots;
const better: Order = (a, b) => b.reputation - a.reputation;
const longerWithout: Order = (a, b) => a.turn - b.turn;
/** What a second costs, counting that of one with a bad name several times: it has to be bought again. */
const bestValue: Order = (a, b) => a.cost / a.reputation - b.cost / b.reputation;

/** The cheapest of those below the limit; where none is below it, the one with the fewest running. */
const overflow = (softLimit: number): Order => {
  const isBelow = (one: Candidate): boolean => running(one) < softLimit;
  return (a, b) =>
    Number(isBelow(b)) - Number(isBelow(a)) || (isBelow(a) ? cheaper : fewerRunning)(a, b);
};

const orders: Readonly<Record<Exclude<Strategy, "overflow">, readonly Order[]>> = {
  default: [warmer, cheaper, moreFree],
  round_robin: [longerWithout],
  least_connections: [fewerRunning, moreFree],
  cheapest: [cheaper, warmer, moreFree],
  best_value: [bestValue, better, warmer, moreFree],
};

/**
 * Below 0 where `a` is the better choice. Who is equally good by the strategy takes turns.
 *
 * @param softLimit of `overflow`
 */
export function compareBy(strategy: Strategy = "default", softLimit = 3): Order {
  const byStrategy =
    strategy === "overflow" ? [overflow(softLimit), warmer, moreFree] : orders[strategy];
  const [first, ...others] = [...byStrategy, longerWithout];
  return (a, b) => {
    let difference = first!(a, b);
    for (const order of others) {
      if (difference !== 0) break;
      difference = order(a, b);
    }
    return difference;
  };
}

/**
 * The most tasks that a worker is given at once while another one is free: some strategies spread tasks that come
 * together over all workers, rather than filling the best one first.
 *
 * @param taken slots of the worker
 */
export function atOnceMax(
  strategy: Strategy = "default",
  taken: number,
  softLimit: number,
): number {
  if (strategy === "overflow") return Math.max(1, softLimit - taken);
  const spreads = strategy === "round_robin" || strategy === "least_connections";
  return spreads ? 1 : Number.POSITIVE_INFINITY;
}
