// Events and event descriptors of SCXML, in XState's terms and back.

/** `_event`, as expressions see it. */
export interface ScxmlEvent {
  readonly name: string;
  readonly type: "internal" | "external" | "platform";
  readonly data: unknown;
  readonly sendid: unknown;
  readonly origin: unknown;
  readonly origintype: unknown;
  readonly invokeid: unknown;
}

/** An event of a converted machine. `kind` is absent where it came from outside. */
export interface ConvertedEvent {
  readonly type: string;
  readonly kind?: ScxmlEvent["type"];
  readonly data?: unknown;
  readonly sendid?: string;
  readonly origin?: string;
  readonly origintype?: string;
  readonly invokeid?: string;
}

const lifecycle = [
  ["done.state", "xstate.done.state"],
  ["done.invoke", "xstate.done.actor"],
  ["error.communication", "xstate.error.actor"],
] as const;

/** @returns undefined for the event that starts a machine, where `_event` is not bound yet. */
export function scxmlEvent(event: ConvertedEvent): ScxmlEvent | undefined {
  if (event.type === "xstate.init") return undefined;
  const { type, kind, data, sendid, origin, origintype, invokeid } = event;
  const own = lifecycle.find(([, xstate]) => type.startsWith(`${xstate}.`));
  if (own === undefined) {
    return { name: type, type: kind ?? "external", data, sendid, origin, origintype, invokeid };
  }
  const { output, actorId } = event as { readonly output?: unknown; readonly actorId?: string };
  return {
    name: own[0] + type.slice(own[1].length),
    type: own[0] === "done.invoke" ? "external" : "platform",
    data: output,
    sendid: undefined,
    origin: undefined,
    origintype: undefined,
    invokeid: actorId,
  };
}

/**
 * The XState descriptors of one SCXML descriptor, which means an event of that name and all whose
 * names begin with its tokens.
 */
export function descriptors(token: string): readonly string[] {
  const name = token.replace(/\.?\*$/, "").replace(/\.$/, "");
  if (name === "") return ["*"];
  const inside = lifecycle.filter(([scxml]) => `${scxml}.`.startsWith(`${name}.`));
  const within = lifecycle.find(([scxml]) => name.startsWith(`${scxml}.`));
  return [
    `${name}.*`,
    ...inside.map(([, xstate]) => `${xstate}.*`),
    ...(within ? [`${within[1]}${name.slice(within[0].length)}.*`] : []),
  ];
}

/** Whether every event that `narrow` takes is taken by `wide`. Both come from `descriptors`. */
export const covers = (wide: string, narrow: string): boolean =>
  wide === "*" || narrow === wide || narrow.startsWith(wide.slice(0, -1));
