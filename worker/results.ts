// Results from the end of a task handler to their acknowledgement: kept, on disk where that is wanted, sent, and sent again.
import type { TimerHandle } from "../src/clock.ts";
import type { AttemptRef, ResultAck } from "../src/protocol/worker-frames.ts";
import type { ConnectionOptions } from "./connection.ts";
import { Courier, noteUnwanted } from "./courier.ts";
import type { WorkerSettings } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { OutboxFolder, type Instance, type Remains } from "./outbox-folder.ts";
import type { Line, Uplinks } from "./uplinks.ts";

/** How often a worker looks for what others of its directory have left: within the lease that their tasks still have. */
const lookMs = 15_000;

export interface ResultsOptions extends Pick<
  WorkerSettings,
  "clock" | "random" | "log" | "heartbeatMsMax" | "outboxDir"
> {
  readonly instance: Instance;
  readonly uplinks: Uplinks;
  connect(options: ConnectionOptions): Line;
}

export class Results {
  readonly #options: ResultsOptions;
  readonly #outbox = new Outbox();
  readonly #couriers = new Set<Courier>();
  /** Resolve when what ended processes have left is delivered, or will not be by this one. */
  readonly #errands = new Set<Promise<void>>();
  /** Results that are being written: a folder is not let go before they are in it. */
  readonly #saving = new Set<Promise<void>>();
  #folder: OutboxFolder | undefined;
  #look: TimerHandle | undefined;
  #closing = false;

  constructor(options: ResultsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#outbox.size;
  }

  has(ref: AttemptRef): boolean {
    return this.#outbox.has(ref);
  }

  refs(): AttemptRef[] {
    return this.#outbox.refs();
  }

  /**
   * Open the directory, and deliver in the background what others have left there or leave there from now on.
   *
   * @throws RuntimeError `worker.outbox_unusable`
   */
  async open(): Promise<void> {
    const { outboxDir, instance, log } = this.#options;
    if (outboxDir === undefined || this.#folder) return;
    this.#folder = await OutboxFolder.open(outboxDir, instance, log);
    await this.#takeOver(this.#folder);
    this.#lookAgain(this.#folder);
  }

  /** Use another token from now on. */
  authenticate(token: string, url: string | undefined): void {
    for (const courier of this.#couriers)
      if (url === undefined || courier.url === url) courier.authenticate(token);
  }

  /** Keep a result, and send it once it is as safe as is wanted. */
  add(ref: AttemptRef, frame: string): void {
    const { uplinks, clock, log } = this.#options;
    if (!this.#folder) {
      this.#outbox.add(ref, frame, clock.monotonic());
      uplinks.sendEncoded(ref, frame);
      return;
    }
    // What is being written is not sent again either.
    this.#outbox.add(ref, frame, Infinity);
    const saving = this.#folder
      .save(uplinks.ownerOf(ref).url, ref, frame)
      .catch((error: unknown) =>
        log.error({ err: error, ...ref }, "a result can't be written; it is kept in memory alone"),
      )
      .then(() => {
        this.#outbox.touch(ref, clock.monotonic());
        if (this.#outbox.has(ref)) uplinks.sendEncoded(ref, frame);
      })
      .finally(() => this.#saving.delete(saving));
    this.#saving.add(saving);
  }

  /** The server has the result, or does not want it. */
  remove(ref: AttemptRef): void {
    this.#outbox.remove(ref);
    void this.#folder?.remove(ref);
  }

  /** The server says what became of a result. */
  acknowledged({ task_id, attempt, status, code }: ResultAck): void {
    if (this.has({ task_id, attempt }))
      noteUnwanted(this.#options.log, { task_id, attempt }, status);
    this.remove({ task_id, attempt });
    if (code === undefined) return;
    const facts = { taskId: task_id, attempt, code };
    this.#options.log.warn(facts, "the result did not count as a success");
  }

  /** Send again those that were last sent `olderMs` ago or earlier. */
  resend(wants: (ref: AttemptRef) => boolean, olderMs: number): void {
    const now = this.#options.clock.monotonic();
    for (const { ref, frame } of this.#outbox.takeUnsent(now - olderMs, now, wants))
      this.#options.uplinks.sendEncoded(ref, frame);
  }

  async close(): Promise<void> {
    const { log } = this.#options;
    if (this.size > 0 && this.#folder)
      log.warn("results stay on disk for the next worker to deliver");
    else if (this.size > 0) log.error({ results: this.refs() }, "results could not be delivered");
    this.#closing = true;
    this.#look?.cancel();
    await Promise.all([...this.#couriers].map((courier) => courier.close()));
    await Promise.all([...this.#errands, ...this.#saving]);
    await this.#folder?.close();
  }

  /** What nobody has delivered when this worker closes is left for the next one. */
  async #takeOver(folder: OutboxFolder): Promise<void> {
    for (const remains of await folder.takeOver()) if (!this.#closing) this.#bring(remains, folder);
  }

  #lookAgain(folder: OutboxFolder): void {
    if (this.#closing) return;
    const { clock, random, log } = this.#options;
    // Not all at once, where many have been started at once.
    this.#look = clock.schedule(lookMs * (0.5 + random() / 2), () => {
      const looked = this.#takeOver(folder).catch((error: unknown) => {
        log.warn({ err: error }, "what others have left can't be looked for");
      });
      this.#track(looked.finally(() => this.#lookAgain(folder)));
    });
  }

  #track(errand: Promise<void>): void {
    this.#errands.add(errand);
    void errand.finally(() => this.#errands.delete(errand));
  }

  /** Deliver what an ended process left behind, to each server what it gave. */
  #bring(remains: Remains, folder: OutboxFolder): void {
    const { log, uplinks } = this.#options;
    const urls = [...new Set(remains.leftovers.map(({ url }) => url))];
    log.info(
      { ...remains.instance, results: remains.leftovers.length },
      "results of an ended worker are delivered",
    );
    const couriers = urls.map((url) => {
      // A server that has moved is the one that this worker knows now.
      const known = uplinks.all.find((one) => one.url === url) ?? uplinks.all[0]!;
      const courier = new Courier({
        ...this.#options,
        url: known.url,
        token: known.token,
        instance: remains.instance,
        leftovers: remains.leftovers.filter((one) => one.url === url),
        onDelivered: ({ path }) => void folder.discard(path),
      });
      this.#couriers.add(courier);
      return courier.ended.finally(() => this.#couriers.delete(courier));
    });
    const errand = async (): Promise<void> => {
      const done = await Promise.all(couriers);
      if (done.every(Boolean)) await folder.discardAll(remains);
    };
    this.#track(
      errand().catch((error: unknown) => log.warn({ err: error }, "an outbox can't be removed")),
    );
  }
}
