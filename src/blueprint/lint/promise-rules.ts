// The rule about what promises take from XState besides their input and signal.
import { actorKind } from "../actor-kind.ts";
import { missingInPromise } from "../promise-scope.ts";
import type { Rule } from "./finding.ts";

/** There is no such member while a stored job waits for a promise, though XState's types have it. */
export const promiseMembers: Rule = function* (node, machine) {
  if (node.parent) return;
  for (const src of Object.keys(machine.implementations.actors as object)) {
    const kind = actorKind(machine, src);
    if (kind.kind !== "promise") continue;
    const taken = takenFromArgument(String(kind.creator));
    for (const name of missingInPromise)
      if (taken.includes(name))
        yield {
          code: "lint.promise_scope",
          severity: "warning",
          where: `actor "${src}"`,
          message: `This promise takes \`${name}\`, which it is not given, so it fails: return what is to be known and use emit() or sendTo() in onDone, or make it a task(), whose handler reports progress.`,
        };
  }
};

/** The members that a function takes from its first argument, by name or where it is taken apart. */
function takenFromArgument(source: string): readonly string[] {
  const start = /^\s*(?:async\b\s*)?(?:function\b[^(]*)?\(?\s*(?:\{([^}]*)\}|(\w+))/.exec(source);
  const [, parts, name] = start ?? [];
  if (parts !== undefined) return parts.split(",").map((one) => one.split(/[:=]/)[0]!.trim());
  if (name === undefined) return [];
  return [...source.matchAll(new RegExp(`\\b${name}\\.(\\w+)`, "g"))].map(([, one = ""]) => one);
}
