// From a stored envelope to a snapshot that XState can step: stubs for children, nodes for ids.
import type { AnyMachineSnapshot } from "xstate";
import { fromData, setMember, type ActorMark } from "./data.ts";
import type { Child, Envelope } from "./envelope.ts";
import { awaitedChild, ownMember } from "./fence.ts";
import type { PreparedMachine } from "./prepared-machine.ts";
import { ActorStub, type StepScope } from "./scope.ts";
import { UnreadContext } from "./unread-context.ts";
import type { StateNode } from "./xstate-internal.ts";

/**
 * The snapshot that `envelope` describes. Its context is its own: user code may change it in place.
 *
 * @throws Error where the machine has no such state or history.
 */
export function restore(
  prepared: PreparedMachine,
  envelope: Envelope,
  scope: StepScope,
): AnyMachineSnapshot {
  const children: Record<string, ActorStub> = {};
  for (const [id, child] of Object.entries(envelope.children)) {
    setMember(children, id, childStub(id, child, scope));
  }
  const { context: stored } = envelope;
  const context =
    stored instanceof UnreadContext
      ? stored.own()
      : fromData(stored, reviver(envelope, children, scope));
  return {
    ...prepared.configuration(envelope.value),
    context,
    children,
    historyValue: historyNodes(prepared, envelope.history),
    status: "active",
    output: undefined,
    error: undefined,
  } as unknown as AnyMachineSnapshot;
}

function childStub(id: string, child: Child, scope: StepScope): ActorStub {
  const stub = new ActorStub(id, {
    system: scope.self.system,
    parent: scope.self,
    src: child.src,
    systemId: child.systemId,
    syncSnapshot: child.wantsProgress ?? false,
  });
  if (child.systemId !== undefined && child.settled === undefined) {
    scope.system.named.set(child.systemId, stub);
  }
  return stub;
}

/**
 * Gives the actor that a mark stands for. An actor that is gone becomes a stub that takes events and
 * drops them; `undefined` in its place would make XState send them to the job itself.
 */
export function reviver(
  envelope: Pick<Envelope, "children">,
  children: Readonly<Record<string, unknown>>,
  scope: StepScope,
): (mark: ActorMark) => unknown {
  return ({ actor, generation }) => {
    if (actor === "#_self") return scope.self;
    if (actor === "#_parent" && scope.self._parent !== undefined) return scope.self._parent;
    const isCurrent = generation !== undefined && awaitedChild(envelope, actor, generation);
    const found = isCurrent ? ownMember(children, actor) : undefined;
    return found ?? new ActorStub(actor, { system: scope.self.system });
  };
}

function historyNodes(
  prepared: PreparedMachine,
  history: Envelope["history"],
): Record<string, StateNode[]> {
  const nodes: Record<string, StateNode[]> = {};
  for (const id in history) {
    nodes[id] = history[id]!.map((nodeId) => {
      const node = prepared.nodes.get(nodeId);
      if (node === undefined) throw new Error(`The machine has no state '${nodeId}'`);
      return node;
    });
  }
  return nodes;
}
