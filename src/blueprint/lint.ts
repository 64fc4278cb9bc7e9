// Finds what would go wrong with a machine whose jobs outlive processes, before any job is started.
import type { AnyStateMachine } from "xstate";
import type { Blueprint } from "./blueprint.ts";
import {
  inlineAction,
  sendDelay,
  spawnedActor,
  spawnInAssign,
  spawnWithoutId,
  unimplementedAction,
} from "./lint/action-rules.ts";
import { staticContext } from "./lint/context-rules.ts";
import { severities, type Finding, type Rule } from "./lint/finding.ts";
import {
  invokedActor,
  missingOnError,
  positionalInvokeId,
  sharedInvokeId,
} from "./lint/invoke-rules.ts";
import { afterDelay, clockOrRandom } from "./lint/time-rules.ts";
import {
  crossRegionTarget,
  dottedKey,
  eventlessLoop,
  historyFromInside,
  internalEvent,
  unknownGuard,
  unreachableState,
} from "./lint/transition-rules.ts";
import { walk } from "./walk.ts";

const rules: readonly Rule[] = [
  afterDelay,
  clockOrRandom,
  crossRegionTarget,
  dottedKey,
  eventlessLoop,
  historyFromInside,
  inlineAction,
  invokedActor,
  missingOnError,
  positionalInvokeId,
  sendDelay,
  sharedInvokeId,
  spawnedActor,
  spawnInAssign,
  spawnWithoutId,
  staticContext,
  unimplementedAction,
  unknownGuard,
  unreachableState,
];

/**
 * Look at a machine with every rule.
 *
 * @param options The `style` says who wrote the machine: a compiled flow may take XState's own events.
 * @returns what was found, errors first, each in document order.
 */
export function lint(
  machine: AnyStateMachine,
  options: Pick<Blueprint, "style">,
): readonly Finding[] {
  const chosen = options.style === "native" ? [...rules, internalEvent] : rules;
  const findings = [...walk(machine)].flatMap((node) =>
    chosen.flatMap((rule) => [...rule(node, machine)]),
  );
  return severities.flatMap((severity) => findings.filter((one) => one.severity === severity));
}
