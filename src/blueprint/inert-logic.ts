// Actor logic that only stands for work done elsewhere: it never changes, and never starts.

/** @param why what an attempt to start it in this process is answered with. */
export function inertLogic(why: string) {
  // Nothing is kept in the snapshot, the input least of all: that lives with the queued work.
  const waiting = () => ({ status: "active", output: undefined, error: undefined }) as const;
  return {
    transition: <Snapshot>(snapshot: Snapshot): Snapshot => snapshot,
    getInitialSnapshot: waiting,
    getPersistedSnapshot: waiting,
    restoreSnapshot: waiting,
    start(): never {
      throw new Error(why);
    },
  };
}
