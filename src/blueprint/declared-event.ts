// Events that a blueprint declares with a schema, and whether one that is sent fits.
import type { z } from "zod";
import { jsonOf } from "../actor/data.ts";
import type { SentEvent } from "../actor/effect.ts";

/** An event's type → the schema of what it says besides its type: an object. */
export type DeclaredEvents = Readonly<Record<string, z.ZodType>>;

export interface EventProblem {
  readonly type: string;
  readonly issues: readonly { readonly path: string; readonly message: string }[];
}

/** Whether an event may be called so: names of machinery and wildcards are not for blueprints. */
export function isEventName(type: unknown): boolean {
  return typeof type === "string" && type !== "" && !/^(xstate|flow)\.|\*/.test(type);
}

/** The event as its schema parses it, where there is one; or what is wrong with it. */
export function fittingEvent(
  declared: DeclaredEvents | undefined,
  event: SentEvent,
): { readonly event: SentEvent } | { readonly problem: EventProblem } {
  const { type, ...said } = event;
  const schema = declared && Object.hasOwn(declared, type) ? declared[type] : undefined;
  if (!schema) return { event };
  const parsed = schema.safeParse(said);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path, message }) => ({
      path: path.map(String).join("."),
      message,
    }));
    return { problem: { type, issues } };
  }
  // As it is stored: what a schema makes of it may be no JSON.
  const stored: unknown = JSON.parse(jsonOf(parsed.data));
  return { event: { ...(stored as Readonly<Record<string, unknown>>), type } };
}

export function problemText({ type, issues: [first] }: EventProblem): string {
  const where = first?.path ? ` at "${first.path}"` : "";
  return `The event "${type}" does not fit its schema${where}: ${first?.message}`;
}
