// How long the runtime waits for whom, and how often it tries.

/** What shapes leases, timeouts and retries, all in one place. Times in milliseconds. */
export interface RuntimeLimits {
  /** A worker's hold on an attempt between two heartbeats. */
  readonly leaseMs: number;
  /** Time to accept a pushed task, added to the first lease. */
  readonly acceptMs: number;
  /** How long a cancelled handler may take to stop. */
  readonly cancelGraceMs: number;
  /** How long a handler of a flow may take to decide. */
  readonly handlerTimeoutMs: number;
  /** How long an attempt may run whose task does not say. */
  readonly runTimeoutMs: number;
  /** How often a task that does not say, and a handler that throws, are tried again. */
  readonly retriesMax: number;
  /** How many workers a task may be lost with before it is given to no other. */
  readonly lossesMax: number;
  /** A waiting task counts as one priority higher for each so many milliseconds. */
  readonly ageMs: number;
  /** So many slots of a worker are taken before the strategy `overflow` turns to a dearer one. */
  readonly softLimit: number;
}
