// Does what a commit asked to be done after it, at least once: the named actions of a machine.
import type { SentEvent } from "../actor/effect.ts";
import type { BlueprintRegistry } from "../blueprint/registry.ts";
import type { Logger } from "../logger.ts";
import type { OutboxMessage, StoredOutboxMessage } from "../store/records.ts";
import { shardOf } from "../store/shard.ts";
import type { Store } from "../store/store.ts";
import { backoffMs } from "./backoff.ts";

/** What a message of the outbox asks for. */
interface ActionBody {
  readonly kind: "action";
  readonly action: string;
  readonly params: unknown;
  readonly context: unknown;
  readonly event: SentEvent;
}

export interface OutboxOptions {
  readonly store: Store;
  readonly blueprints: BlueprintRegistry;
  readonly random: () => number;
  readonly log: Logger;
  /** A message of a job will be tried again at this store time. */
  readonly delayed: (jobId: string, due: number) => void;
}

const retry = {
  maxAttempts: Number.POSITIVE_INFINITY,
  initialMs: 1000,
  factor: 2,
  maxMs: 3_600_000,
};

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #performing = new Set<string>();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Do these right after their commit. What fails, or dies with the node, is found again when it is due. */
  async performNow(messages: readonly OutboxMessage[]): Promise<void> {
    for (const message of messages) await this.perform({ ...message, tries: 0, due: 0 });
  }

  async perform(message: StoredOutboxMessage): Promise<void> {
    const { store, log, random, delayed } = this.#options;
    if (this.#performing.has(message.id)) return;
    this.#performing.add(message.id);
    try {
      await this.#act(message);
      await store.removeMessages([message.id]);
    } catch (error) {
      const due = store.now(shardOf(message.jobId)) + backoffMs(retry, message.tries + 1, random());
      log.warn({ err: error, jobId: message.jobId, messageId: message.id, due }, "action failed");
      await store.delayMessage(message.id, due);
      delayed(message.jobId, due);
    } finally {
      this.#performing.delete(message.id);
    }
  }

  async #act({ jobId, body }: OutboxMessage): Promise<void> {
    const job = await this.#options.store.loadJob(jobId);
    if (!job) return;
    const { machine } = this.#options.blueprints.require(
      job.summary.blueprint,
      job.summary.version,
    );
    const { action, params, context, event } = body as ActionBody;
    const implementation: unknown = machine.implementations.actions[action];
    if (typeof implementation !== "function") return;
    const run = implementation as (args: unknown, params: unknown) => unknown;
    await run({ context, event, self: { id: jobId } }, params);
  }
}
