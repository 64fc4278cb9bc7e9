// Reads from a handler's source what its chart should say; what the source does not say plainly stays unsaid.

export interface HandlerSource {
  /** Target → the outcomes and events that the `transitions` and `eventTransitions` literals map to it, as in `success`. */
  readonly outcomes: ReadonlyMap<string, readonly string[]>;
  /** The types of tasks that it dispatches by a literal name. */
  readonly tasks: readonly string[];
  /** It asks a person, by a literal without `timeoutMs`. */
  readonly asksWithoutTimeout: boolean;
}

const string = `["'\`]([^"'\`]+)["'\`]`;
const transitionsLiteral = /\b(?:transitions|eventTransitions)\s*:\s*\{([^{}]*)\}/g;
const outcomeEntry = new RegExp(`(?:["']([^"']+)["']|([\\w$]+))\\s*:\\s*${string}`, "g");
const aggregateLiteral = new RegExp(`\\baggregateInto\\s*:\\s*${string}`, "g");
const dispatchedType = new RegExp(`\\bdispatchTask\\(\\s*\\{[^}]*?\\btype\\s*:\\s*${string}`, "g");
const parallelType = new RegExp(`\\btype\\s*:\\s*${string}`, "g");

/**
 * Only what is written as a literal is found. Nothing but charts depends on it: where a state may lead is declared,
 * not read.
 */
export function readHandlers(handlers: readonly ((...args: never) => unknown)[]): HandlerSource {
  const outcomes = new Map<string, string[]>();
  const tasks: string[] = [];
  const lead = (outcome: string, target: string): void => {
    const known = outcomes.get(target) ?? [];
    if (!known.includes(outcome)) outcomes.set(target, [...known, outcome]);
  };
  for (const source of handlers.map(String)) {
    for (const [, body = ""] of source.matchAll(transitionsLiteral))
      for (const [, quoted, bare, target = ""] of body.matchAll(outcomeEntry))
        lead(quoted ?? bare ?? "", target);
    for (const [, target = ""] of source.matchAll(aggregateLiteral)) lead("all done", target);
    const types = source.includes(".dispatchParallel(") ? parallelType : dispatchedType;
    for (const [, type = ""] of source.matchAll(types)) tasks.push(type);
  }
  const asksWithoutTimeout = handlers.some((one) => asksWithoutEnd(String(one)));
  return { outcomes, tasks: [...new Set(tasks)], asksWithoutTimeout };
}

const asking = /\bawaitHumanApproval\(\s*\{/g;

/** Whether a literal that asks a person names no time; one that spreads others may get it from there. */
function asksWithoutEnd(source: string): boolean {
  return [...source.matchAll(asking)].some(({ index, 0: { length } }) => {
    let depth = 1;
    let end = index + length;
    for (; end < source.length && depth > 0; end++) {
      if (source[end] === "{") depth++;
      if (source[end] === "}") depth--;
    }
    return !/\btimeoutMs\b|\.\.\./.test(source.slice(index, end));
  });
}
