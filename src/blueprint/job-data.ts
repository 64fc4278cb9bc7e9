// What clients may see of a job's context.
import type { Blueprint } from "./blueprint.ts";
import type { FlowContext } from "./flow-handler.ts";

/**
 * For a flow what it was started with and its merged outputs, for a native machine the context itself.
 */
export function jobData(
  { style }: Pick<Blueprint, "style">,
  context: unknown,
): { readonly initialData?: unknown; readonly data: unknown } {
  if (style === "native") return { data: context };
  const { initialData, stateHistory } = context as FlowContext;
  return { initialData, data: stateHistory };
}
