// What the nodes of one store know of each other. Hints may be lost: whoever is told nothing finds out by looking.

export interface NodeRecord {
  readonly nodeId: string;
  /** What the node says of itself, such as its workers; plain JSON. */
  readonly about: unknown;
}

/** What one node tells others. */
export type Hint =
  /** Tasks wait that the node which queued them had no worker for. */
  | { readonly kind: "queued"; readonly shard: number; readonly queues: readonly string[] }
  /** Types of tasks have been paused or resumed. */
  | { readonly kind: "paused" }
  /** A job that the receiver follows has gone on. */
  | { readonly kind: "moved"; readonly jobId: string; readonly revision: number }
  /** A task is not wanted any more that a session of the receiver runs. */
  | {
      readonly kind: "stop";
      readonly taskId: string;
      readonly attempt: number;
      readonly reason: string;
      /** Whose lease it was, where the node that gave it may be gone. */
      readonly holder?: string;
    }
  /** A node follows this job from now on. */
  | { readonly kind: "followed"; readonly jobId: string; readonly nodeId: string }
  /** What cannot be read from the store, such as progress, of a job that the receiver follows; plain JSON. */
  | { readonly kind: "news"; readonly jobId: string; readonly news: unknown }
  /** Something between the edges of nodes, which the runtime does not look into; plain JSON. */
  | { readonly kind: "relayed"; readonly message: unknown };

/** The neighbourhood as one node sees it, which is the node that its store was opened for. */
export interface Nodes {
  readonly nodeId: string;
  /** Whether others may use the storage at the same time. */
  readonly shared: boolean;
  /**
   * Say that this node lives. To be said again and again, or others take it for dead.
   *
   * @param about what others may know of it; plain JSON
   * @param ttlMs how long others may believe it, in milliseconds
   * @returns all that live, this one included, ordered by id
   */
  announce(about: unknown, ttlMs: number): Promise<readonly NodeRecord[]>;
  /** This node is going. */
  depart(): Promise<void>;
  /**
   * Hear what this node is told. `hear` is called with nothing where hints may have been lost, as after a lost
   * connection. Resolves when hints arrive.
   */
  listen(hear: (hint: Hint | undefined) => void): Promise<void>;
  /** Tell one node. */
  tell(nodeId: string, hint: Hint): void;
  /** Tell all other nodes. */
  tellAll(hint: Hint): void;
  /** Be told when other nodes move this job, until it ends. */
  follow(jobId: string): Promise<void>;
  unfollow(jobId: string): Promise<void>;
}
