// Finds what would go wrong with a machine whose jobs outlive processes, before any job is started.
import type { AnyStateMachine } from "xstate";
import type { Blueprint } from "./blueprint.ts";
import {
  inlineAction,
  spawnedActor,
  spawnWithoutId,
  unimplementedAction,
} from "./lint/action-rules.ts";
import { staticContext } from "./lint/context-rules.ts";
import { severities, type PlacedFinding, type Rule } from "./lint/finding.ts";
import {
  invokedActor,
  missingOnError,
  positionalInvokeId,
  sharedInvokeId,
  sharedSystemId,
  spawnedUnderInvokeId,
  wildcardTakesOutcome,
} from "./lint/invoke-rules.ts";
import { missingOnDone, workInFinal } from "./lint/outcome-rules.ts";
import { promiseMembers } from "./lint/promise-rules.ts";
import { raiseLoop } from "./lint/raise-loop.ts";
import {
  sendDelay,
  sendParent,
  sendToSystem,
  sharedSendId,
  unknownCancel,
  unknownSendTarget,
} from "./lint/send-rules.ts";
import {
  asyncInStep,
  clockOrRandom,
  contextMutation,
  directSendInStep,
  effectInStep,
  notJsonValue,
  spawnInAssign,
} from "./lint/source-rules.ts";
import {
  deadEnd,
  doneWithoutFinal,
  dottedId,
  dottedKey,
  missingMachineId,
  noEnd,
  sharedStateId,
  unreachableState,
} from "./lint/state-rules.ts";
import { afterDelay, waitWithoutTimeout } from "./lint/time-rules.ts";
import {
  crossRegionTarget,
  eventlessLoop,
  historyFromInside,
  inlineGuard,
  internalEvent,
  shadowedTransition,
  unknownGuard,
  unknownStateIn,
} from "./lint/transition-rules.ts";
import { walk } from "./walk.ts";

const rules: readonly Rule[] = [
  afterDelay,
  asyncInStep,
  clockOrRandom,
  contextMutation,
  crossRegionTarget,
  deadEnd,
  directSendInStep,
  doneWithoutFinal,
  dottedId,
  dottedKey,
  effectInStep,
  eventlessLoop,
  historyFromInside,
  inlineAction,
  inlineGuard,
  invokedActor,
  missingMachineId,
  missingOnDone,
  missingOnError,
  noEnd,
  notJsonValue,
  positionalInvokeId,
  promiseMembers,
  raiseLoop,
  sendDelay,
  sendParent,
  sendToSystem,
  shadowedTransition,
  sharedInvokeId,
  sharedSendId,
  sharedStateId,
  sharedSystemId,
  spawnedActor,
  spawnedUnderInvokeId,
  spawnInAssign,
  spawnWithoutId,
  staticContext,
  unimplementedAction,
  unknownCancel,
  unknownGuard,
  unknownSendTarget,
  unknownStateIn,
  unreachableState,
  waitWithoutTimeout,
  wildcardTakesOutcome,
  workInFinal,
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
): readonly PlacedFinding[] {
  const chosen = options.style === "native" ? [...rules, internalEvent] : rules;
  const findings = [...walk(machine)].flatMap((node) =>
    chosen.flatMap((rule) =>
      [...rule(node, machine)].map((one) => ({ ...one, state: node.path.join(".") })),
    ),
  );
  return severities.flatMap((severity) => findings.filter((one) => one.severity === severity));
}
