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

type Order = (a: Candidate, b: Candidate) => number;

const warmer: Order = (a, b) => b.warmth - a.warmth;
const cheaper: Order = (a, b) => a.cost - b.cost;
const fewerRunning: Order = (a, b) => a.slots - a.free - (b.slots - b.free);
const moreFree: Order = (a, b) => b.free / b.slots - a.free / a.slots;
const better: Order = (a, b) => b.reputation - a.reputation;
const longerWithout: Order = (a, b) => a.turn - b.turn;
/** What a second costs, counting that of one with a bad name several times: it has to be bought again. */
const bestValue: Order = (a, b) => a.cost / a.reputation - b.cost / b.reputation;

const orders: Readonly<Record<Strategy, readonly Order[]>> = {
  default: [warmer, cheaper, moreFree],
  round_robin: [longerWithout],
  least_connections: [fewerRunning, moreFree],
  cheapest: [cheaper, warmer, moreFree],
  best_value: [bestValue, better, warmer, moreFree],
};

/** Below 0 where `a` is the better choice. Who is equally good by the strategy takes turns. */
export function compareBy(strategy: Strategy = "default"): Order {
  const [first, ...others] = [...orders[strategy], longerWithout];
  return (a, b) => {
    let difference = first!(a, b);
    for (const order of others) {
      if (difference !== 0) break;
      difference = order(a, b);
    }
    return difference;
  };
}

/** Whether the strategy spreads tasks that come together over all workers, rather than filling the best one first. */
export function spreads(strategy: Strategy = "default"): boolean {
  return strategy === "round_robin" || strategy === "least_connections";
}
