// The servers that a worker works for, and how its slots are divided among them.

/** `failover`: one at a time. `round_robin`: all at once, with equal shares. `weighted`: all at once, by weight. */
export const orchestratorModes = ["failover", "round_robin", "weighted"] as const;
export type OrchestratorMode = (typeof orchestratorModes)[number];

/** A server as a program or the environment names it. */
export interface Orchestrator {
  /** `http(s)://…` */
  readonly url: string;
  /** The worker's own token where absent. */
  readonly token?: string;
  /** Lower is preferred, 10 where absent. Those of one priority are taken as they are listed. */
  readonly priority?: number;
  /** Its part of the slots in mode `weighted`, 1 where absent. */
  readonly weight?: number;
}

/** The preferred first, as `failover` tries them. */
export function byPreference<One extends Orchestrator>(all: readonly One[]): readonly One[] {
  return all.toSorted((a, b) => (a.priority ?? 10) - (b.priority ?? 10));
}

/**
 * Divide slots by weight, so that all are given away and nobody is more than one slot away from an exact share. Where there
 * is one for each, nobody goes without.
 */
export function shares(slots: number, weights: readonly number[]): readonly number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) return weights.map(() => 0);
  const least = slots >= weights.length ? 1 : 0;
  const exact = weights.map((weight) => Math.max(least, (slots * weight) / total));
  const given = exact.map(Math.floor);
  let left = slots - given.reduce((sum, share) => sum + share, 0);
  const byRemainder = exact
    .map((share, index) => ({ index, remainder: share - Math.floor(share) }))
    .toSorted((a, b) => b.remainder - a.remainder || a.index - b.index);
  for (let at = 0; left > 0; at++, left--) given[byRemainder[at % byRemainder.length]!.index]!++;
  // The least of one slot may have been more than there was to share: the largest give back.
  for (; left < 0; left++) given[given.indexOf(Math.max(...given))]!--;
  return given;
}
