// A `cond` of SCXML as an XState guard; what can't be evaluated is false.
import { and, not, or, stateIn } from "xstate";
import type { ScxmlContext } from "./content.ts";
import { scxmlEvent, type ConvertedEvent } from "./event.ts";
import { revived } from "./scripting.ts";
import { NotConvertible, type DocumentParts } from "./values.ts";

/** A function, or a combination of `stateIn` and functions. */
export type Guard = object;

/** @throws NotConvertible where `In` is given anything but a literal. */
export function condition(expression: string, parts: DocumentParts): Guard {
  const calls = [...expression.matchAll(/\bIn\(\s*('[^']*'|"[^"]*")?/g)];
  const ids = new Set(calls.map(([, literal]) => literal?.slice(1, -1)));
  if (ids.has(undefined)) throw new NotConvertible("In() of anything but a literal");
  return combined([...ids] as string[], [], expression, parts);
}

/** Guard functions can't see the active states, so there is one for each answer that `In` can give. */
function combined(
  ids: readonly string[],
  active: readonly string[],
  expression: string,
  parts: DocumentParts,
): Guard {
  const [id, ...others] = ids;
  if (id === undefined) {
    return ({ context, event }: { context: ScxmlContext; event: ConvertedEvent }): boolean => {
      try {
        const seen = {
          data: revived(context.data),
          event: scxmlEvent(event),
          session: context.session,
          isActive: (state: string) => active.includes(state),
        };
        return Boolean(parts.scripting.evaluate(expression, seen));
      } catch {
        return false;
      }
    };
  }
  const isIn = stateIn(`#${parts.stateId(id)}`);
  return or([
    and([isIn, combined(others, [...active, id], expression, parts) as never]),
    and([not(isIn), combined(others, active, expression, parts) as never]),
  ]);
}
