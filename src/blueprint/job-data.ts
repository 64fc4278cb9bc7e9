// What clients may see of a job's context.
import type { Blueprint } from "./blueprint.ts";
import type { Approval } from "./flow-actions.ts";
import type { FlowContext } from "./flow-handler.ts";

/** What a job of a flow gives to the job that started it. */
export interface FlowOutput {
  /** The end state that it reached. */
  readonly finalState: string;
  /** Its `stateHistory`. */
  readonly data: Readonly<Record<string, unknown>>;
}

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

/** What a person is asked, and what they may decide, while the job of a flow waits for that. */
export function awaitedApproval(
  { style }: Pick<Blueprint, "style">,
  context: unknown,
): (Approval & { readonly decisions: readonly string[] }) | undefined {
  if (style === "native") return undefined;
  const { approval, transitions } = context as FlowContext;
  const decisions = Object.keys(transitions).filter((one) => one !== "timeout");
  return approval ? { ...approval, decisions } : undefined;
}

/** What a job gives to the job that started it: a flow its history, a native machine its output. */
export function jobOutput(
  { style }: Pick<Blueprint, "style">,
  { context, output }: { readonly context: unknown; readonly output?: unknown },
  finalState: string,
): unknown {
  if (style === "native") return output;
  const data = (context as FlowContext).stateHistory;
  return { finalState, data } satisfies FlowOutput;
}
