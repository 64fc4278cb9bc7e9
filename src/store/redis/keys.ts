// The names of everything in Redis. All keys of a shard have one hash tag, so that they lie together in a cluster.
import { createHash } from "node:crypto";
import { keptKey } from "../claimed-key.ts";

/** Spaces for idempotency keys; independent of the number of shards, so that raising that makes no duplicates. */
const keySpaces = 64;

/** The keys of a shard in the order in which scripts get them, and what each holds. */
const shardTypes = {
  meta: "hash",
  list: "zset",
  task: "hash",
  open: "zset",
  queue: "zset",
  due: "zset",
  message: "hash",
  follow: "hash",
} as const;

export interface ShardKeys {
  readonly shard: number;
  /** Any key of the shard, for finding its place in a cluster. */
  readonly tag: string;
  /**
   * What scripts of a shard get that change something, in this order; some that only read get fewer:
   *
   * 1. meta: HASH now, offset, sequence, epoch, server, checked, and in simulations clock (see `lua/include/time.lua`)
   * 2. list: ZSET of every job's place in the lists (`lua/list-jobs.lua`)
   * 3. task: HASH task id -> row (`lua/include/task.lua`)
   * 4. open: ZSET of task ids, so that a job's tasks are neighbours
   * 5. queue: ZSET of what waits (`lua/include/task.lua`)
   * 6. due: ZSET of everything with a due time (`lua/include/task.lua`)
   * 7. message: HASH message id -> `<tries> <token of the call that moved it last, or ->\n<JSON>`
   * 8. follow: HASH job id -> ids of nodes, each behind a space or at the beginning
   */
  readonly all: readonly string[];
  /** What each of these is to hold, as TYPE says it. */
  readonly types: readonly string[];
  /**
   * A job: LIST of its head and envelope (`lua/commit.lua`), and of each revision `<token>\n<JSON>`. The token is that of the
   * commit, and stands at its last revision only.
   */
  job(jobId: string): string;
  /** The latest claims of a holder (`lua/claim.lua`); expires. */
  claim(holder: string): string;
}

/** All names of one store, which begin with its prefix. */
export class Keys {
  readonly #prefix: string;
  readonly #shards = new Map<number, ShardKeys>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** What is not in a shard: 1. meta: HASH format, shards and a time of its own. 2. nodes (`lua/announce.lua`). */
  get system(): readonly [meta: string, nodes: string] {
    return [`{${this.#prefix}}:meta`, `{${this.#prefix}}:nodes`];
  }

  /** Types whose tasks may not begin: SET. */
  get paused(): string {
    return `{${this.#prefix}}:paused`;
  }

  /** What is kept of versions of blueprints: HASH `name@version` -> row. */
  get shapes(): string {
    return `{${this.#prefix}}:shapes`;
  }

  /** Every key that is not in a shard, with what it is to hold. Those of claimed keys are texts, each in a key of its own. */
  get systemTypes(): ReadonlyMap<string, string> {
    const [meta, nodes] = this.system;
    return new Map([
      [meta, "hash"],
      [nodes, "hash"],
      [this.paused, "set"],
      [this.shapes, "hash"],
    ]);
  }

  /** What the channels begin with: `<channel>:nodes` for all nodes, `<channel>:node:<id>` for one. */
  get channel(): string {
    return this.#prefix;
  }

  shard(shard: number): ShardKeys {
    const known = this.#shards.get(shard);
    if (known) return known;
    const tag = `{${this.#prefix}.${shard.toString(36)}}`;
    const keys: ShardKeys = {
      shard,
      tag: `${tag}:meta`,
      all: Object.keys(shardTypes).map((name) => `${tag}:${name}`),
      types: Object.values(shardTypes),
      job: (jobId) => `${tag}:job:${jobId}`,
      claim: (holder) => `${tag}:claims:${holder}`,
    };
    this.#shards.set(shard, keys);
    return keys;
  }

  /**
   * A claimed key: STRING of the id of the job that claimed it first, a line break, and until when it is kept at least;
   * and ZSET of all keys of its space, as they are kept, by when they are to be looked at.
   */
  claimed(key: string): readonly [claimed: string, byTime: string] {
    const kept = keptKey(key);
    const number = createHash("sha256").update(kept).digest()[0]! % keySpaces;
    const space = this.#keySpace(number.toString(36));
    return [`${space}${kept}`, space.slice(0, -1)];
  }

  /** What each of the spaces for claimed keys begins with. */
  get keySpaces(): readonly string[] {
    return Array.from({ length: keySpaces }, (_, space) => this.#keySpace(space.toString(36)));
  }

  /** Matches all claimed keys. */
  get claimedPattern(): string {
    return this.#keySpace("*");
  }

  #keySpace(space: string): string {
    return `{${this.#prefix}.key.${space}}:`;
  }
}
