// The reference store, with an ear: whoever opened it hears of every commit, before anything follows from it.
import type { Commit, CommitResult } from "../store/commit.ts";
import type { MemoryStoreOptions } from "../store/memory/memory.ts";
import { MemoryStore } from "../store/memory/memory-store.ts";

export class RecordingStore extends MemoryStore {
  readonly #committed: (commit: Commit) => void;

  constructor(options: MemoryStoreOptions, committed: (commit: Commit) => void) {
    super(options);
    this.#committed = committed;
  }

  override async commit(commit: Commit): Promise<CommitResult> {
    const result = await super.commit(commit);
    if (result.outcome === "committed") this.#committed(commit);
    return result;
  }
}
