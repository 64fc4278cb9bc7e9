// Does what a commit asked to be done after it, at least once: named actions of a machine, and messages to other jobs.
import { decodeEnvelope } from "../actor/codec.ts";
import type { Message } from "../actor/effect.ts";
import type { Failure, Origin, ParentRef } from "../actor/envelope.ts";
import type { Archive } from "../archive/archive.ts";
import { startInput } from "../blueprint/actor-kind.ts";
import type { BlueprintRegistry } from "../blueprint/registry.ts";
import { RuntimeError } from "../errors.ts";
import { childJobId } from "../id.ts";
import type { Logger } from "../logger.ts";
import type { OutboxMessage, StoredOutboxMessage } from "../store/records.ts";
import { shardOf } from "../store/shard.ts";
import type { Store } from "../store/store.ts";
import { backoffMs } from "./backoff.ts";
import type { OutboxBody } from "./outbox-message.ts";
import { rejoin } from "./rejoin.ts";
import type { Delivery, TurnRunner } from "./turn-runner.ts";

export interface OutboxOptions {
  readonly store: Store;
  readonly archive?: Archive;
  readonly turns: TurnRunner;
  readonly blueprints: BlueprintRegistry;
  readonly random: () => number;
  readonly log: Logger;
  /** Add an entry to the history of a job that has been archived; nothing happens where there is none. */
  readonly noteArchived: (
    jobId: string,
    message: Message & { readonly type: "restarted" },
  ) => Promise<void>;
  /** A message of a job will be tried again at this store time. */
  readonly delayed: (jobId: string, due: number) => void;
}

const always = Number.POSITIVE_INFINITY;
const actionRetry = { maxAttempts: always, initialMs: 1000, factor: 2, maxMs: 3_600_000 };
/** Most often a message only has to wait for the one before it, which is on its way. */
const messageRetry = { maxAttempts: always, initialMs: 100, factor: 2, maxMs: 60_000 };

/** A child that is not there after so many tries, which take an hour and a half, is given up. */
const unknownTriesMax = 100;

/** The other job cannot take the message yet. */
class NotYet extends Error {}

type Body<Kind extends OutboxBody["kind"]> = Extract<OutboxBody, { kind: Kind }>;

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #performing = new Set<string>();
  /** Messages of one job to another are sent one after the other; one that is late would only be refused. */
  readonly #lanes = new Map<string, Promise<void>>();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Do these right after their commit. What fails, or dies with the node, is found again when it is due. */
  async performNow(messages: readonly OutboxMessage[]): Promise<void> {
    await Promise.all(messages.map((message) => this.perform({ ...message, tries: 0, due: 0 })));
  }

  perform(message: StoredOutboxMessage): Promise<void> {
    const body = message.body as OutboxBody;
    const lane = `${message.jobId} ${body.kind === "action" ? "" : body.to}`;
    const before = this.#lanes.get(lane) ?? Promise.resolve();
    // What failed before has been put off, and harms nobody who comes after it.
    const performed = before.catch(() => {}).then(() => this.#perform(message, body));
    this.#lanes.set(lane, performed);
    return performed.finally(() => {
      if (this.#lanes.get(lane) === performed) this.#lanes.delete(lane);
    });
  }

  async #perform(message: StoredOutboxMessage, body: OutboxBody): Promise<void> {
    const { store, log, random, delayed } = this.#options;
    if (this.#performing.has(message.id)) return;
    this.#performing.add(message.id);
    try {
      await this.#act(message, body);
      await store.removeMessages([message.id]);
    } catch (error) {
      const policy = body.kind === "action" ? actionRetry : messageRetry;
      const shard = shardOf(message.jobId);
      const due = store.now(shard) + backoffMs(policy, message.tries + 1, random());
      const about = { jobId: message.jobId, messageId: message.id, kind: body.kind, due };
      if (error instanceof NotYet) log.debug({ ...about, why: error.message }, "message put off");
      else log.warn({ ...about, err: error }, "message of the outbox failed");
      await store.delayMessage(message.id, due);
      delayed(message.jobId, due);
    } finally {
      this.#performing.delete(message.id);
    }
  }

  #act(message: StoredOutboxMessage, body: OutboxBody): Promise<void> {
    switch (body.kind) {
      case "action":
        return this.#runAction(message.jobId, body);
      case "start_job":
        return this.#startJob(body);
      case "event": {
        const { to, event, sender } = body;
        return this.#deliver(message, to, { type: "event", event, sender });
      }
      case "stop_job": {
        const { to, reason, number } = body;
        return this.#deliver(message, to, { type: "stop", reason, number });
      }
      case "restarted":
        return this.#noteRestart(body);
      case "rejoin":
        return this.#rejoin(message.jobId, body);
      case "job_end": {
        const { to, ...mail } = body;
        return this.#options.turns.deliver(to, mail).then(settled);
      }
    }
  }

  async #runAction(
    jobId: string,
    { action, params, context, event }: Body<"action">,
  ): Promise<void> {
    const { store, blueprints, log } = this.#options;
    const job = await store.loadJob(jobId);
    if (!job) return;
    const { blueprint, version } = job.summary;
    const { machine } = blueprints.require(blueprint, version);
    const implementation: unknown = machine.implementations.actions[action];
    if (typeof implementation !== "function") {
      const text = `Version "${version}" of "${blueprint}", which the job has become, has no action "${action}" to do what an earlier one wanted.`;
      const err = new RuntimeError("action.missing", text, { action });
      log.warn({ err, jobId, blueprint, version, action }, "action let go");
      return;
    }
    const run = implementation as (args: unknown, params: unknown) => unknown;
    await run({ context, event, self: { id: jobId } }, params);
  }

  /** Start a child job. One that is there already is the same one: its id is made of what started it. */
  async #startJob({
    to,
    parent,
    depth,
    blueprint,
    version,
    input,
  }: Body<"start_job">): Promise<void> {
    const { blueprints, turns } = this.#options;
    const found = blueprints.get(blueprint, version);
    if (!found) {
      const which = version === undefined ? "" : ` in version "${version}"`;
      return this.#notStarted(to, parent, {
        code: "blueprint.not_found",
        message: `There is no blueprint "${blueprint}"${which} to start a job of.`,
      });
    }
    const parsed = startInput(found, input);
    if ("failure" in parsed) return this.#notStarted(to, parent, parsed.failure);
    const origin: Origin = {
      jobId: to,
      blueprint: found.name,
      version: found.version,
      shape: found.fingerprint.shape,
      parent,
      depth,
    };
    await turns.begin(found, origin, { type: "start", input: parsed.input });
  }

  /** In the history of the job where another one has begun, wherever that is kept by now. */
  async #noteRestart({ to, as, revision, edited, by }: Body<"restarted">): Promise<void> {
    const note = { as, revision, ...(edited !== undefined && { edited }), by };
    const message = { type: "restarted", ...note } as const;
    const delivery = await this.#options.turns.deliver(to, { kind: "message", message });
    if (delivery.outcome === "unknown") await this.#options.noteArchived(to, message);
  }

  async #rejoin(jobId: string, body: Body<"rejoin">): Promise<void> {
    const { mail, isLast } = await rejoin(jobId, body, this.#options);
    if (mail) settled(await this.#options.turns.deliver(jobId, mail));
    if (!isLast) throw new NotYet("the child, or messages of it, are on their way");
  }

  /** The end of a job that never began. */
  async #notStarted(
    jobId: string,
    { child, generation, jobId: to }: ParentRef,
    error: Failure,
  ): Promise<void> {
    const end = { jobId, status: "error", outcome: "failure", finalState: "", error } as const;
    const mail = { kind: "job_end", child, generation, number: 1, end } as const;
    settled(await this.#options.turns.deliver(to, mail));
  }

  /** A message for a child job, or for the parent of one. */
  async #deliver(
    { jobId: from, tries }: StoredOutboxMessage,
    to: string,
    message: Message & { readonly type: "event" | "stop" },
  ): Promise<void> {
    const delivery = await this.#options.turns.deliver(to, { kind: "message", message });
    if (delivery.outcome !== "unknown") return settled(delivery);
    const isToParent = message.type === "event" && message.sender?.kind === "child";
    // A parent that is gone was removed. A child may only not have been started yet.
    if (isToParent || tries >= unknownTriesMax || (await this.#hasEnded(from, to))) return;
    throw new NotYet("the job has not been started yet");
  }

  /** Whether the parent has been told of the child's end: then a child that is not there never will be. */
  async #hasEnded(parentId: string, childId: string): Promise<boolean> {
    const parent = await this.#options.store.loadJob(parentId);
    if (!parent) return true;
    return Object.values(decodeEnvelope(parent.envelope).children).some(
      ({ generation, shards, settled: over }) => over && childJobId(generation, shards) === childId,
    );
  }
}

/** @throws NotYet where the message has to be sent again. */
function settled(delivery: Delivery): void {
  if (delivery.outcome !== "ignored") return;
  switch (delivery.reason) {
    case "early":
      throw new NotYet("an earlier message has not come yet");
    case "finished":
    case "fenced":
    case "repeated":
    case "unhandled":
    // Only a client is told that.
    case "full":
      return;
  }
}
