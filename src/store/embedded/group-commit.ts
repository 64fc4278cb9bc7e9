// Many writers, one write transaction and one flush: while a batch becomes durable, the next one gathers.
import { setImmediate as nextTurn } from "node:timers/promises";
import { ABORT } from "lmdb";
import { RuntimeError } from "../../errors.ts";
import type { StoreTime } from "../store-time.ts";
import { Batch } from "./batch.ts";
import type { Database, Tables } from "./tables.ts";

interface Write {
  /** Runs inside the transaction, perhaps more than once. */
  readonly apply: (batch: Batch) => unknown;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** How the writes of one transaction ended. */
type Outcome =
  | { readonly outcome: "applied"; readonly answers: readonly unknown[] }
  | { readonly outcome: "thrown"; readonly culprit: Write; readonly reason: unknown };

/** While lone writes take less than this on average, they wait for the disk on the spot: to pass them to LMDB's thread and back takes as long. */
const quickMs = 3;
/** How many of the last lone writes the average is about. */
const averagedOver = 8;

export class GroupCommit {
  readonly #database: Database;
  readonly #tables: Tables;
  readonly #time: StoreTime;
  readonly #node: string;
  #waiting: Write[] = [];
  #running: Promise<void> | undefined;
  /** The moving average of what lone writes take, in milliseconds. */
  #loneMs = 0;

  /**
   * @param database opened without overlapping sync: there, a commit would be seen before it is durable.
   * @param node the node that writes
   */
  constructor(database: Database, tables: Tables, time: StoreTime, node: string) {
    this.#node = node;
    this.#database = database;
    this.#tables = tables;
    this.#time = time;
  }

  /**
   * Apply a write as part of the next batch. Writes are applied one after the other, in the order of the calls.
   *
   * @param apply decides and writes; synchronous and short, because the batch waits for it.
   * @returns what `apply` returned, once it is durable. If `apply` throws, nothing of it is written, and the other
   *   writes of the batch are as if it had not been there.
   * @throws RuntimeError `store.unusable` when the disk refuses the batch.
   */
  write<Answer>(apply: (batch: Batch) => Answer): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      this.#waiting.push({ apply, resolve: resolve as Write["resolve"], reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing is waiting any more. */
  async drain(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      // Whoever writes in this turn of the event loop is of the party, and whatever else came in is heard between two flushes.
      await nextTurn();
      await this.#commitNext();
    }
    this.#running = undefined;
  }

  async #commitNext(): Promise<void> {
    let writes: readonly Write[] = [];
    let outcome: Outcome;
    try {
      outcome = await this.#transact(() => {
        // Taken as late as this, so that whoever came while LMDB got ready is of the party.
        writes = this.#waiting;
        this.#waiting = [];
        return writes;
      });
    } catch (error) {
      // Where LMDB could not even begin, nobody has been taken yet: all who wait are told, or they would be tried for ever.
      if (writes.length === 0) writes = this.#waiting.splice(0);
      const reason = await diskFailure(error);
      for (const write of writes) write.reject(reason);
      return;
    }
    if (outcome.outcome === "thrown") {
      const { culprit, reason } = outcome;
      this.#waiting.unshift(...writes.filter((write) => write !== culprit));
      culprit.reject(reason);
      return;
    }
    for (const [index, write] of writes.entries()) write.resolve(outcome.answers[index]);
  }

  /** One transaction. It is undone where a write throws, and durable when this resolves otherwise. */
  async #transact(takeWrites: () => readonly Write[]): Promise<Outcome> {
    let thrown: Outcome | undefined;
    const answers: unknown[] = [];
    await this.#begin(() => {
      const writes = takeWrites();
      const batch = new Batch(this.#tables, this.#time.now(), this.#node);
      for (const write of writes)
        try {
          answers.push(write.apply(batch));
        } catch (reason) {
          thrown = { outcome: "thrown", culprit: write, reason };
          return ABORT;
        }
      batch.finish();
      return undefined;
    });
    return thrown ?? { outcome: "applied", answers };
  }

  /** Have LMDB run a transaction: here, where that is quickest and holds up nobody for long, and otherwise in its own thread. */
  async #begin(transaction: () => typeof ABORT | undefined): Promise<void> {
    if (this.#waiting.length > 1) {
      await this.#database.childTransaction(transaction);
      return;
    }
    const began = this.#time.now();
    try {
      if (this.#loneMs < quickMs) this.#database.transactionSync(transaction);
      else await this.#database.childTransaction(transaction);
    } finally {
      this.#loneMs += (this.#time.now() - began - this.#loneMs) / averagedOver;
    }
  }
}

/** What to tell the writers of a batch that LMDB could not write. LMDB says why in a promise beside the error. */
async function diskFailure(error: unknown): Promise<RuntimeError> {
  let cause = error;
  if (error instanceof Error && "commitError" in error)
    cause = await Promise.resolve(error.commitError).catch((reason: unknown) => reason);
  return new RuntimeError(
    "store.unusable",
    `A write to the data directory failed (${String(cause)}), and nothing of it was kept. Check that its disk has space left and that it is writable.`,
    {},
    { cause },
  );
}
