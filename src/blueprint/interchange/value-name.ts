// Functions that an import made of a document remember what they stood for, so that an export can say it again.

/** What stood in the document: the name of a value, a context or an output in place. */
export type ValueOrigin =
  { readonly from: string } | { readonly context: object } | { readonly output: unknown };

const origins = new WeakMap<object, ValueOrigin>();

export function nameValue<Made extends (args: never) => unknown>(
  origin: ValueOrigin,
  made: Made,
): Made {
  origins.set(made, origin);
  return made;
}

export function originOf(made: unknown): ValueOrigin | undefined {
  return typeof made === "function" ? origins.get(made) : undefined;
}
