// What XState sees around it during a step: stand-ins that record what is wanted and do nothing.
import type { AnyMachineSnapshot } from "xstate";
import { note, type InspectedMicrostep } from "./observe.ts";
import type { AnyActorScope } from "./xstate-internal.ts";

const nothing = (): void => {};
const idleScheduler = { schedule: nothing, cancel: nothing, cancelAll: nothing };
const idleClock = { setTimeout: nothing, clearTimeout: nothing };

/** An action as the machine asked for it, its parameters evaluated. */
export interface RecordedAction {
  readonly type: string;
  readonly params: unknown;
  readonly info?: unknown;
  /** The implementation; undefined where the machine names an action that it does not have. */
  readonly exec?: ((info: unknown, params: unknown) => unknown) | undefined;
}

/**
 * A scope for one step. Stock pure functions of XState build theirs by running the whole initial
 * transition again, which costs half of the time and calls user code once too often.
 */
export class StepScope {
  readonly id: string;
  readonly sessionId: string;
  readonly system: StepSystem;
  readonly self: ActorStub;
  /** In the order in which the machine asked for them. */
  readonly actions: RecordedAction[] = [];
  /** XState calls it without a receiver, and replaces it for a while during a microstep. */
  actionExecutor = (action: RecordedAction): void => void this.actions.push(action);

  /** @param revision the one that the step leads to; ids of anonymous children are counted within it. */
  constructor(jobId: string, hasParent: boolean, revision: number) {
    this.id = jobId;
    this.sessionId = jobId;
    this.system = new StepSystem(revision);
    const parent = hasParent ? new ActorStub("#_parent", { system: this.system }) : undefined;
    this.self = new ActorStub(jobId, { system: this.system, ...(parent && { parent }) });
  }

  /** The scope as XState's own functions take it. */
  get forXState(): AnyActorScope {
    return this as unknown as AnyActorScope;
  }

  defer(): void {}
  emit(): void {}
  logger(): void {}
  stopChild(): void {}
}

/** The system that actors of one step share. */
class StepSystem {
  /** The actors that `get` finds. */
  readonly named = new Map<string, unknown>();
  readonly scheduler = idleScheduler;
  readonly _clock = idleClock;
  readonly _logger = nothing;
  readonly #revision: number;
  #booked = 0;

  constructor(revision: number) {
    this.#revision = revision;
  }

  get(systemId: string): unknown {
    return this.named.get(systemId);
  }

  getAll(): Record<string, unknown> {
    return Object.fromEntries(this.named);
  }

  /** XState's own counter is global to the process: its ids would depend on what else ran here. */
  _bookId(): string {
    return `${this.#revision}.${this.#booked++}`;
  }

  _set(systemId: string, reference: unknown): void {
    this.named.set(systemId, reference);
  }

  /** What a direct `send` to a child comes to. */
  _relay(): void {
    refuseSend();
  }

  _register(sessionId: string): string {
    return sessionId;
  }

  _unregister(): void {}

  _sendInspectionEvent(event: InspectedMicrostep): void {
    note(event);
  }
}

/** An actor that is somewhere else: the job itself, its parent, a running child, or one that is gone. */
export class ActorStub {
  readonly id: string;
  readonly sessionId: string;
  readonly src: string | undefined;
  readonly systemId: string | undefined;
  readonly system: unknown;
  readonly ref: this;
  readonly _parent: ActorStub | undefined;
  readonly _syncSnapshot: boolean;
  /** What it is started with; only a child that starts in this step has it. */
  options: { readonly input: unknown } | undefined;
  /** What the job was before this step; only the job itself has it. */
  snapshot: AnyMachineSnapshot | undefined;

  constructor(
    id: string,
    traits: {
      readonly system: unknown;
      readonly parent?: ActorStub;
      readonly src?: string;
      readonly systemId?: string | undefined;
      readonly syncSnapshot?: boolean;
    },
  ) {
    this.id = id;
    this.ref = this;
    this.sessionId = id;
    this.system = traits.system;
    this._parent = traits.parent;
    this.src = traits.src;
    this.systemId = traits.systemId;
    this._syncSnapshot = traits.syncSnapshot ?? false;
  }

  send(): void {
    refuseSend();
  }

  getSnapshot(): unknown {
    return this.snapshot ?? { status: "active", output: undefined, error: undefined };
  }

  on(): { unsubscribe: () => void } {
    return { unsubscribe: nothing };
  }

  subscribe(): { unsubscribe: () => void } {
    return { unsubscribe: nothing };
  }
}

/** A direct `send` would be lost or happen twice; `sendTo` is recorded and becomes durable with the step. */
function refuseSend(): never {
  throw new Error("actors of a durable machine are sent events with sendTo(), not with send()");
}
