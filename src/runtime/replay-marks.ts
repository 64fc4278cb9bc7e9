// Where replays of jobs have stopped: who asks for what comes next goes on from there, and not from the beginning.
import type { Replay } from "../actor/replay.ts";
import type { HistoryEntry } from "../store/records.ts";

export interface ReplayMark {
  readonly jobId: string;
  /** The last entry that it has taken. */
  readonly entry: Pick<HistoryEntry, "revision" | "epoch" | "now">;
  /** Goes no further itself: whoever goes on from it forks it. */
  readonly replay: Replay;
}

/** Each holds a job's envelope, which may be a few megabytes. */
const marksMax = 8;

export class ReplayMarks {
  /** The one that was used last is the last. */
  #marks: readonly ReplayMark[] = [];

  /** Keep a mark; the one that was used longest ago may have to go. */
  keep(mark: ReplayMark): void {
    const others = this.#marks.filter((one) => !isSamePlace(one, mark));
    this.#marks = [...others, mark].slice(-marksMax);
  }

  /** The latest mark of the job that is not beyond the revision. */
  nearest(jobId: string, revision: number): ReplayMark | undefined {
    return this.#marks
      .filter((one) => one.jobId === jobId && one.entry.revision <= revision)
      .toSorted((a, b) => b.entry.revision - a.entry.revision)[0];
  }

  forget(mark: ReplayMark): void {
    this.#marks = this.#marks.filter((one) => one !== mark);
  }
}

/** Whether the job's history still has what the mark has taken: a store that went back in time has other entries. */
export const isStillThere = ({ entry }: ReplayMark, found: HistoryEntry | undefined): boolean =>
  found !== undefined &&
  found.revision === entry.revision &&
  found.epoch === entry.epoch &&
  found.now === entry.now;

const isSamePlace = (a: ReplayMark, b: ReplayMark): boolean =>
  a.jobId === b.jobId && a.entry.revision === b.entry.revision;
