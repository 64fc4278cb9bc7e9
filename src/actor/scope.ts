// What XState sees around it during a step: stand-ins that record what is wanted and do nothing.
import type { AnyMachineSnapshot } from "xstate";
import type { AnyActorScope } from "./xstate-internal.ts";

/** An action as the machine asked for it, its parameters evaluated. */
export interface RecordedAction {
  readonly type: string;
  readonly params: unknown;
}

export interface StepScope {
  /** What XState's own functions take. */
  readonly scope: AnyActorScope;
  readonly self: ActorStub;
  /** In the order in which the machine asked for them. */
  readonly actions: readonly RecordedAction[];
  /** The actors that `system.get` finds. */
  readonly named: Map<string, unknown>;
}

/**
 * A scope for one step. Stock pure functions of XState build theirs by running the whole initial
 * transition again, which costs half of the time and calls user code once too often.
 *
 * @param revision the one that the step leads to; ids of anonymous children are counted within it.
 */
export function createStepScope(jobId: string, hasParent: boolean, revision: number): StepScope {
  const actions: RecordedAction[] = [];
  const named = new Map<string, unknown>();
  let booked = 0;
  const system = {
    // XState's own counter is global to the process: its ids would depend on what else ran here.
    _bookId: () => `${revision}.${booked++}`,
    _set: (systemId: string, reference: unknown) => void named.set(systemId, reference),
    get: (systemId: string) => named.get(systemId),
    getAll: () => Object.fromEntries(named),
    _register: (sessionId: string) => sessionId,
    _relay: refuseSend,
    _unregister: nothing,
    _sendInspectionEvent: nothing,
    inspect: () => ({ unsubscribe: nothing }),
    scheduler: { schedule: nothing, cancel: nothing, cancelAll: nothing },
    getSnapshot: () => ({ _scheduledEvents: {} }),
    start: nothing,
    _clock: { setTimeout: nothing, clearTimeout: nothing },
    _logger: nothing,
  };
  const parent = hasParent ? new ActorStub("#_parent", { system }) : undefined;
  const self = new ActorStub(jobId, { system, ...(parent && { parent }) });
  const scope = {
    self,
    system,
    id: jobId,
    sessionId: jobId,
    logger: nothing,
    defer: nothing,
    stopChild: nothing,
    emit: nothing,
    actionExecutor: (action: RecordedAction) => void actions.push(action),
  };
  return { scope: scope as unknown as AnyActorScope, self, actions, named };
}

/** An actor that is somewhere else: the job itself, its parent, a running child, or one that is gone. */
export class ActorStub {
  readonly id: string;
  readonly sessionId: string;
  readonly src: string | undefined;
  readonly systemId: string | undefined;
  readonly system: unknown;
  readonly ref = this;
  readonly _parent: ActorStub | undefined;
  readonly _syncSnapshot: boolean;
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
    this.sessionId = id;
    this.system = traits.system;
    this._parent = traits.parent;
    this.src = traits.src;
    this.systemId = traits.systemId;
    this._syncSnapshot = traits.syncSnapshot ?? false;
  }

  readonly send = refuseSend;

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

function nothing(): void {}
