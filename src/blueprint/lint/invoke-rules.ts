// Rules about invocations: whether they can be found again, and what happens when they fail.
import type { AnyStateMachine, AnyStateNode } from "xstate";
import { actorKind } from "../actor-kind.ts";
import { declaredName, walk } from "../walk.ts";
import { builtInsOf, commonAncestor, withAncestors } from "./definition.ts";
import type { Rule } from "./finding.ts";

/** Only a name can be found again after a restart. */
export const invokedActor: Rule = function* (node, machine) {
  for (const { id, src } of node.invoke) {
    const where = `${node.id} invoke ${id}`;
    const name = declaredName(src);
    if (name === undefined) {
      yield {
        code: "lint.inline_actor",
        severity: "error",
        where,
        message:
          "An inline invoke src cannot be restored: put the logic into setup({ actors }) and name it.",
      };
      continue;
    }
    const kind = actorKind(machine, name);
    if (kind.kind !== "unsupported") continue;
    const isKnown = Object.hasOwn(machine.implementations.actors as object, name);
    yield {
      code: isKnown ? "lint.unsupported_actor" : "lint.unknown_actor",
      severity: "error",
      where,
      message: kind.why,
    };
  }
};

/** Without an id XState counts: `0.machine.state` means another invocation once the order changes. */
export const positionalInvokeId: Rule = function* (node) {
  const configs = [node.config.invoke as unknown].flat() as readonly { readonly id?: string }[];
  for (const [index, { id, src }] of node.invoke.entries())
    if (configs[index]?.id === undefined)
      yield {
        code: "lint.positional_invoke_id",
        severity: "warning",
        where: `${node.id} invoke ${id}`,
        message: `The invocation of ${declaredName(src) ?? "an actor"} is known by its position, and running jobs lose it when invocations are reordered: give it an id.`,
      };
};

/** Two children with one id: the second takes the first one's place. */
export const sharedInvokeId: Rule = function* (node, machine) {
  for (const [index, { id }] of node.invoke.entries()) {
    const other = earlierBeside(node, index, machine, (invoke) => invoke.id === id);
    if (other)
      yield {
        code: "lint.shared_invoke_id",
        severity: "error",
        where: `${node.id} invoke ${id}`,
        message: `The id "${id}" is also used ${placeBeside(other, node)}: one would take the other's place. Give each its own.`,
      };
  }
};

/** The same of a child that an action spawns. */
export const spawnedUnderInvokeId: Rule = function* (node, machine) {
  const invoked = [...walk(machine)].flatMap(({ invoke }) => invoke.map(({ id }) => id));
  for (const { where, builtIn } of builtInsOf(node, machine))
    if (builtIn.type === "xstate.spawnChild" && invoked.includes(String(builtIn.id)))
      yield {
        code: "lint.shared_invoke_id",
        severity: "error",
        where,
        message: `An invocation has the id "${String(builtIn.id)}", too: one child would take the other's place. Give each its own.`,
      };
};

/** Who asks the system for it gets one of them. */
export const sharedSystemId: Rule = function* (node, machine) {
  for (const [index, { id, systemId }] of node.invoke.entries()) {
    if (systemId === undefined) continue;
    const other = earlierBeside(node, index, machine, (invoke) => invoke.systemId === systemId);
    if (other)
      yield {
        code: "lint.shared_system_id",
        severity: "error",
        where: `${node.id} invoke ${id}`,
        message: `The systemId "${systemId}" is also used ${placeBeside(other, node)}: give each its own.`,
      };
  }
};

type Invocation = AnyStateNode["invoke"][number];

/** The state of an invocation before the node's one at `index`, of the same state or of one that can be active with it. */
function earlierBeside(
  node: AnyStateNode,
  index: number,
  machine: AnyStateMachine,
  isSame: (invocation: Invocation) => boolean,
): AnyStateNode | undefined {
  if (node.invoke.slice(0, index).some(isSame)) return node;
  return [...walk(machine)].find(
    (one) => one.order < node.order && one.invoke.some(isSame) && canBeActiveTogether(one, node),
  );
}

const placeBeside = (other: AnyStateNode, node: AnyStateNode): string =>
  other === node
    ? "for another invocation of this state"
    : `in ${other.id}, which can be active at the same time`;

/** `*` is every event, and those of the machinery, too. */
export const wildcardTakesOutcome: Rule = function* (node) {
  if (!node.transitions.has("*")) return;
  for (const { node: inner, id } of invocationsIn(node)) {
    const between = withAncestors(inner).slice(0, withAncestors(inner).indexOf(node) + 1);
    const events = [`xstate.done.actor.${id}`, `xstate.error.actor.${id}`];
    const taken = events.every((event) =>
      between.some(({ transitions }) =>
        [...transitions.keys()].some((one) => one !== "*" && takes(one, event)),
      ),
    );
    if (!taken)
      yield {
        code: "lint.wildcard_takes_outcome",
        severity: "warning",
        where: `${node.id} on *`,
        message: `"*" is also taken when "${id}" ends and nothing else says where that leads: give the invocation onDone and onError.`,
      };
  }
};

function* invocationsIn(node: AnyStateNode): Generator<{ node: AnyStateNode; id: string }> {
  for (const { id } of node.invoke) yield { node, id };
  for (const child of Object.values(node.states)) yield* invocationsIn(child);
}

function canBeActiveTogether(one: AnyStateNode, other: AnyStateNode): boolean {
  const common = commonAncestor(one, other);
  return common.type === "parallel" || common === one || common === other;
}

/** An error that no transition takes ends the job. */
export const missingOnError: Rule = function* (node) {
  for (const { id } of node.invoke) {
    const event = `xstate.error.actor.${id}`;
    const isHandled = withAncestors(node).some(({ transitions }) =>
      [...transitions.keys()].some((descriptor) => takes(descriptor, event)),
    );
    if (!isHandled)
      yield {
        code: "lint.missing_on_error",
        severity: "warning",
        where: `${node.id} invoke ${id}`,
        message: `A failure of "${id}" ends the whole job in an error: say where it leads with onError.`,
      };
  }
};

function takes(descriptor: string, event: string): boolean {
  if (descriptor === "*" || descriptor === event) return true;
  return descriptor.endsWith(".*") && event.startsWith(descriptor.slice(0, -1));
}
