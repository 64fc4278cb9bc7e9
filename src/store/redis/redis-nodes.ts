// The nodes of one Redis: a registry with a time to live, and channels for hints.
import { RuntimeError } from "../../errors.ts";
import type { Hint, NodeRecord, Nodes } from "../nodes.ts";
import { shardOf } from "../shard.ts";
import type { Calls } from "./calls.ts";
import type { Client, Connection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { flag } from "./rows.ts";
import type { Servers } from "./servers.ts";

export interface RedisNodesOptions {
  readonly nodeId: string;
  readonly calls: Calls;
  readonly keys: Keys;
  readonly servers: Servers;
  /** The store has so many shards by now. */
  readonly grown: (shards: number) => Promise<void>;
}

/** How long the first subscription may take, in milliseconds. */
const listenPatienceMs = 10_000;

export class RedisNodes implements Nodes {
  readonly nodeId: string;
  readonly shared = true;
  readonly #options: RedisNodesOptions;
  /** As of the latest announcement. */
  #hasOthers = false;
  /** While dead nodes are being forgotten. */
  #forgetting: Promise<void> | undefined;
  #subscriber: Connection | undefined;

  constructor(options: RedisNodesOptions) {
    // It is a word in rows, and a part of a channel's name.
    if (!/^[\w.:@-]{1,200}$/.test(options.nodeId))
      throw new RuntimeError("config.invalid", `"${options.nodeId}" cannot be a node's id.`);
    this.nodeId = options.nodeId;
    this.#options = options;
  }

  /** What scripts that may tell others something want to know first. */
  get scriptArgs(): readonly [channel: string, hasOthers: string] {
    return [this.#options.keys.channel, flag(this.#hasOthers)];
  }

  async announce(about: unknown, ttlMs: number): Promise<readonly NodeRecord[]> {
    const { calls, keys, grown } = this.#options;
    const text = JSON.stringify(about ?? null);
    const [, , shards, living, gone] = (await calls.run("announce", keys.system, [
      "0",
      this.nodeId,
      String(ttlMs),
      text,
    ])) as [number, string, number, string[], string[]];
    const nodes: NodeRecord[] = [];
    for (let index = 0; index < living.length; index += 2)
      nodes.push({ nodeId: living[index]!, about: JSON.parse(living[index + 1]!) as unknown });
    this.#hasOthers = nodes.some(({ nodeId }) => nodeId !== this.nodeId);
    await grown(shards);
    // Nobody waits for it, and whoever announces itself next finds what is left.
    if (gone.length > 0 && !this.#forgetting)
      this.#forgetting = this.#forget(gone, shards)
        .catch(() => {})
        .finally(() => (this.#forgetting = undefined));
    return nodes.toSorted((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  }

  async depart(): Promise<void> {
    const { calls, keys } = this.#options;
    this.#subscriber?.close();
    this.#subscriber = undefined;
    const [, nodes] = keys.system;
    // The others forget what this node follows, and then the node.
    await calls.read(nodes, ["HSET", nodes, this.nodeId, "0\nnull"]);
  }

  async #forget(gone: readonly string[], shards: number): Promise<void> {
    const { calls, keys } = this.#options;
    for (let shard = 0; shard < shards; shard++)
      for (let cursor = "0", more = true; more; more = cursor !== "0") {
        const args = [this.nodeId, "-", cursor, ...gone];
        const { answer } = await calls.change(calls.shard(shard), "forget-nodes", args);
        cursor = answer[0] as string;
      }
    const [, nodes] = keys.system;
    await calls.read(nodes, ["HDEL", nodes, ...gone]);
  }

  async listen(hear: (hint: Hint | undefined) => void): Promise<void> {
    const { channel } = this.#options.keys;
    let isFirst = true;
    const take = (message: string): void => {
      const end = message.indexOf("\n");
      if (message.slice(0, end) !== this.nodeId) hear(JSON.parse(message.slice(end + 1)) as Hint);
    };
    this.#subscriber = this.#options.servers.subscriber(async (client: Client) => {
      await client.subscribe([`${channel}:nodes`, `${channel}:node:${this.nodeId}`], take);
      // Nobody knows what was said while there was no connection.
      if (!isFirst) hear(undefined);
      isFirst = false;
    });
    await this.#subscriber.ready(listenPatienceMs);
  }

  tell(nodeId: string, hint: Hint): void {
    this.#publish(`node:${nodeId}`, hint);
  }

  tellAll(hint: Hint): void {
    this.#publish("nodes", hint);
  }

  async follow(jobId: string): Promise<void> {
    const hint: Hint = { kind: "followed", jobId, nodeId: this.nodeId };
    await this.#setFollowing(jobId, true, JSON.stringify(hint));
  }

  async unfollow(jobId: string): Promise<void> {
    await this.#setFollowing(jobId, false, "");
  }

  async #setFollowing(jobId: string, follows: boolean, hint: string): Promise<void> {
    const { calls } = this.#options;
    const args = [this.nodeId, "-", ...this.scriptArgs, jobId, flag(follows), hint];
    await calls.change(calls.shard(shardOf(jobId)), "follow", args);
  }

  /** Hints may be lost, so nobody waits for one. */
  #publish(channel: string, hint: Hint): void {
    const { keys, servers } = this.#options;
    const { client } = servers.serving(keys.system[0]);
    const message = `${this.nodeId}\n${JSON.stringify(hint)}`;
    client?.publish(`${keys.channel}:${channel}`, message).catch(() => {});
  }
}
