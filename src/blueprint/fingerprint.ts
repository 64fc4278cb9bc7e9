// Tells whether two definitions are the same: one hash of a machine's shape, one of its code.
import { createHash } from "node:crypto";
import type { AnyStateMachine } from "xstate";
import { jobDefinition, type JobDefinition } from "./job.ts";
import { readShape, shapeLines } from "./shape.ts";
import { taskDefinition, type TaskDefinition } from "./task.ts";
import { walk } from "./walk.ts";

export interface Fingerprint {
  /** States, transitions, invocations and delays: what a running job's snapshot depends on. 16 hex digits. */
  readonly shape: string;
  /** The source of guards, actions, delays, handlers and inputs. 16 hex digits. */
  readonly logic: string;
}

export function fingerprint(machine: AnyStateMachine): Fingerprint {
  return { shape: hash(shapeLines(readShape(machine))), logic: hash(logicOf(machine)) };
}

function childOf(logic: unknown): JobDefinition | undefined {
  return (logic as { readonly [jobDefinition]?: JobDefinition } | undefined)?.[jobDefinition];
}

function definitionOf(logic: unknown): TaskDefinition | undefined {
  return (logic as { readonly [taskDefinition]?: TaskDefinition } | undefined)?.[taskDefinition];
}

function logicOf(machine: AnyStateMachine): unknown {
  const { actions, actors, delays, guards } = machine.implementations;
  const nodes = [...walk(machine)].map((node) => [
    node.id,
    node.entry,
    node.exit,
    node.output,
    node.invoke.map(({ input }) => input),
    [...node.transitions.values(), node.always ?? []].map((list) =>
      list.map((transition) => [transition.guard, transition.actions]),
    ),
  ]);
  const work = Object.entries(actors).map(([src, logic]) => {
    const definition = definitionOf(logic);
    const child = childOf(logic);
    if (child) {
      const { blueprint, version, parentClose } = child;
      return [src, { blueprint, version, parentClose }];
    }
    if (!definition) return [src, (logic as { config?: unknown }).config];
    const { type, priority, retry, runTimeoutMs, queueTimeoutMs, totalTimeoutMs, placement } =
      definition;
    const waits = { runTimeoutMs, queueTimeoutMs, totalTimeoutMs };
    return [src, { type, priority, retry, ...waits, placement }];
  });
  return plain([nodes, work, machine.config.context, actions, delays, guards]);
}

/** Members of built-in actions and guards that are XState's own code. */
const internals = new Set(["resolve", "retryResolve", "execute", "check", "toJSON"]);

/**
 * A definition as JSON, its functions by their source. Built-in actions and guards are functions of XState that
 * carry what the author gave as members, so those count and the function does not. What JSON cannot say has a word:
 * whether it may be there is the linter's to tell.
 *
 * @param around what the value is a part of
 */
function plain(value: unknown, around: readonly unknown[] = []): unknown {
  if (typeof value === "bigint") return `${value}n`;
  if (around.includes(value)) return "(what it is in)";
  const within = (inner: unknown): unknown => plain(inner, [...around, value]);
  if (typeof value === "function")
    return "resolve" in value || "check" in value
      ? within(Object.fromEntries(Object.entries(value)))
      : String(value);
  if (Array.isArray(value)) return value.map(within);
  if (typeof value !== "object" || value === null) return value;
  if ("getStateNodeById" in value) return "(machine)";
  const members = Object.entries(value).filter(([key]) => !internals.has(key));
  return Object.fromEntries(
    members.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, member]) => [key, within(member)]),
  );
}

const hash = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);
