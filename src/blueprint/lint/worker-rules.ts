// Whether anybody does the tasks of a machine: what only a running server knows.
import type { AnyStateMachine, AnyStateNode } from "xstate";
import { actorKind } from "../actor-kind.ts";
import type { FlowMeta } from "../compile.ts";
import { declaredName, walk } from "../walk.ts";
import { builtInsOf } from "./definition.ts";
import type { PlacedFinding } from "./finding.ts";

/**
 * The tasks of a machine that none of the connected workers does.
 *
 * @param offered types of tasks that workers offer
 */
export function unofferedTasks(
  machine: AnyStateMachine,
  offered: ReadonlySet<string>,
): readonly PlacedFinding[] {
  return [...walk(machine)].flatMap((node) =>
    [...new Set(tasksOf(node, machine))]
      .filter((type) => !offered.has(type))
      .map((type) => ({
        code: "lint.no_worker" as const,
        severity: "warning" as const,
        where: `${node.id} task ${type}`,
        state: node.path.join("."),
        message: `No worker that is connected does tasks of the type "${type}", so a job waits here until one comes.`,
      })),
  );
}

/** Types of the tasks that the state invokes or spawns, and that a flow's handler names. */
function tasksOf(node: AnyStateNode, machine: AnyStateMachine): readonly string[] {
  const spawned = builtInsOf(node, machine).flatMap(({ builtIn: { type, src } }) =>
    type === "xstate.spawnChild" ? [src] : [],
  );
  const sources = [...node.invoke.map(({ src }) => src), ...spawned];
  const named = sources.flatMap((src) => {
    const kind = actorKind(machine, declaredName(src) ?? "");
    return kind.kind === "task" && kind.definition ? [kind.definition.type] : [];
  });
  return [...named, ...((node.meta as FlowMeta | undefined)?.tasks ?? [])];
}
