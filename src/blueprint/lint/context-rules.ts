// Rules about the context a job begins with.
import { toData } from "../../actor/data.ts";
import type { Rule } from "./finding.ts";

/** Made once, when the file is loaded. */
export const staticContext: Rule = function* (node, machine) {
  const context: unknown = machine.config.context;
  if (node.parent || typeof context !== "object" || context === null) return;
  if (Object.keys(context).length > 0)
    yield {
      code: "lint.static_context",
      severity: "warning",
      where: `${node.id} context`,
      message:
        "This object is shared by all jobs and knows nothing of a job's input: make it a function, as in context: ({ input }) => ({ … }).",
    };
  try {
    toData(context, "context");
  } catch (error) {
    yield {
      code: "lint.context_not_json",
      severity: "error",
      where: `${node.id} context`,
      message: `${(error as Error).message}.`,
    };
  }
};
