// Who follows which job on this node, and how they are told.
import type { JobEvent } from "./runtime.ts";

/** A reader that is further behind than this is told to catch up from the store instead. */
const pendingEventsMax = 256;

/** What has happened since a reader took last. */
export interface News {
  /** Steps may be missing among the events: the reader catches up from the store first. */
  readonly missed: boolean;
  /** Streams of the job have gone on. */
  readonly streamed: boolean;
  readonly events: readonly JobEvent[];
}

/** One reader's place in a job's events. */
export class Subscription {
  readonly #leave: () => void;
  #pending: JobEvent[] = [];
  #missed = false;
  #streamed = false;
  #stopped = false;
  #wake: (() => void) | undefined;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  push(event: JobEvent): void {
    if (this.#pending.length >= pendingEventsMax) {
      this.#pending = [];
      this.#missed = true;
    }
    this.#pending.push(event);
    this.#wake?.();
  }

  /** Steps were made that are not among the events. */
  miss(): void {
    this.#missed = true;
    this.#wake?.();
  }

  /** Chunks have come. They are not queued here: a reader takes them from the tails, as far as they reach. */
  stream(): void {
    this.#streamed = true;
    this.#wake?.();
  }

  take(): News {
    const news = { missed: this.#missed, streamed: this.#streamed, events: this.#pending };
    this.#missed = false;
    this.#streamed = false;
    this.#pending = [];
    return news;
  }

  /** Whether its reader has had enough. */
  get isStopped(): boolean {
    return this.#stopped;
  }

  /** The reader waits no more. */
  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  /** Resolves when there is something to take, or the reader has had enough. */
  async changed(): Promise<void> {
    const hasNews = this.#pending.length > 0 || this.#missed || this.#streamed;
    if (hasNews || this.#stopped) return;
    await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#wake = undefined;
  }

  close(): void {
    this.#leave();
  }
}

export interface JobEventsOptions {
  /** Have other nodes say when they move the job. */
  readonly follow: (jobId: string) => Promise<void>;
  readonly unfollow: (jobId: string) => void;
}

export class JobEvents {
  readonly #options: JobEventsOptions;
  readonly #subscriptions = new Map<string, Set<Subscription>>();
  /** Jobs that are followed at other nodes, or are about to be. */
  readonly #followed = new Map<string, Promise<void>>();

  constructor(options: JobEventsOptions) {
    this.#options = options;
  }

  /** A job has begun whose first commit says that this node follows it: whoever subscribes next misses nothing. */
  begun(jobId: string): void {
    this.#followed.set(jobId, Promise.resolve());
  }

  /**
   * Follow a job.
   *
   * @returns the subscription, and whether nothing can have been missed since the job began. Where something can,
   *   the reader looks at the job once `following` has resolved.
   */
  subscribe(jobId: string): {
    readonly subscription: Subscription;
    readonly fromBeginning: boolean;
    readonly following: Promise<void>;
  } {
    const subscriptions = this.#subscriptions.get(jobId) ?? new Set();
    const subscription = new Subscription(() => {
      subscriptions.delete(subscription);
      if (subscriptions.size > 0 || this.#subscriptions.get(jobId) !== subscriptions) return;
      this.#subscriptions.delete(jobId);
      if (this.#followed.delete(jobId)) this.#options.unfollow(jobId);
    });
    this.#subscriptions.set(jobId, subscriptions.add(subscription));
    const begun = this.#followed.get(jobId);
    const following = begun ?? this.#options.follow(jobId);
    this.#followed.set(jobId, following);
    return { subscription, fromBeginning: begun !== undefined, following };
  }

  /** Whether anybody here follows the job: making an event for nobody is work for nothing. */
  isFollowed(jobId: string): boolean {
    return this.#subscriptions.has(jobId);
  }

  publish(event: JobEvent): void {
    for (const subscription of this.#subscriptions.get(event.jobId) ?? []) subscription.push(event);
  }

  /** A stream of the job has gone on. */
  streamed(jobId: string): void {
    for (const subscription of this.#subscriptions.get(jobId) ?? []) subscription.stream();
  }

  /** Another node has moved the job: its readers here have to look. */
  moved(jobId: string): void {
    const subscriptions = this.#subscriptions.get(jobId);
    for (const subscription of subscriptions ?? []) subscription.miss();
    if (!subscriptions && this.#followed.delete(jobId)) this.#options.unfollow(jobId);
  }

  /** Any job may have moved without a word. */
  movedUnseen(): void {
    for (const jobId of this.#subscriptions.keys()) this.moved(jobId);
  }

  /** A job has ended: nobody has to be told any more. */
  ended(jobId: string): void {
    this.#followed.delete(jobId);
  }
}
