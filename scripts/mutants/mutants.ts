// Ways to break the kernel, each a replacement in its own source: what a test has to notice.

export interface Mutant {
  /** What the kernel does not do any more. */
  readonly drops: string;
  readonly edits: readonly Edit[];
}

export interface Edit {
  /** Below `src/actor`. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly text: string;
  readonly by: string;
}

const mutant = (
  drops: string,
  ...edits: readonly (readonly [string, string, string])[]
): Mutant => ({
  drops,
  edits: edits.map(([file, text, by]) => ({ file, text, by })),
});

export const mutants: readonly Mutant[] = [
  mutant("the generation fence of children", [
    "fence.ts",
    "found?.generation === generation && ",
    "",
  ]),
  mutant("the fence of a second completion", ["fence.ts", " && found.settled === undefined", ""]),
  mutant("the generation fence of timers", [
    "fence.ts",
    ".find((one) => one.generation === generation)",
    ".find(() => true)",
  ]),
  mutant("the epoch", ["fence.ts", "${jobId}:${at.epoch}.${revision}.", "${jobId}:1.${revision}."]),
  mutant("the canonical order of nodes", [
    "prepared-machine.ts",
    "[...restored._nodes].sort((a, b) => a.order - b.order)",
    "[...restored._nodes]",
  ]),
  mutant("the refusal of illegal sets of states", [
    "configuration.ts",
    "return reader.seen === active.size ? value : undefined;",
    "return value;",
  ]),
  mutant("a delayed raise", [
    "outcome.ts",
    'step.timers.set(id, delay, { kind: "self" }, eventData(event, step.mark));',
    "",
  ]),
  mutant("a delayed send", [
    "outcome.ts",
    'if (typeof delay === "number") step.timers.set(id, delay, target, data);',
    'if (typeof delay === "number") return undefined;',
  ]),
  mutant("cancel", ["timer-book.ts", "this.timers = left;", ""]),
  mutant("history", [
    "restore.ts",
    "historyValue: historyNodes(prepared, envelope.history),",
    "historyValue: {},",
  ]),
  mutant("events that a job sends itself", [
    "outcome.ts",
    'if (to === scope.self) return { kind: "self" };',
    "if (to === scope.self) return undefined;",
  ]),
  mutant("events to the parent", ["outcome.ts", 'return { kind: "parent" };', "return undefined;"]),
  mutant("the end of what a stopped child is sent", [
    "outcome.ts",
    "step.stopped.add(action.params);",
    "",
  ]),
  mutant(
    "the identity of children",
    [
      "children.ts",
      "const isKept = ownMember(step.next, id) === reference;",
      "const isKept = ownMember(step.next, id) !== undefined;",
    ],
    [
      "children.ts",
      "ownMember(step.previous, id) === reference ? ownMember",
      "ownMember(step.previous, id) !== undefined ? ownMember",
    ],
  ),
  mutant("starts before sends", [
    "outcome.ts",
    "...following.starts, ...messages,",
    "...messages, ...following.starts,",
  ]),
  mutant("stops after sends", [
    "outcome.ts",
    "...messages, ...following.stops]",
    "...following.stops, ...messages]",
  ]),
  mutant("the stopping of children of a job that fails", [
    "outcome.ts",
    "[...timers.effects, ...stops]",
    "[...timers.effects]",
  ]),
  mutant("members that are undefined", [
    "codec.ts",
    'specials.push({ path: [...path], kind: "undefined" });',
    "",
  ]),
  mutant("the writing of a context that has changed", [
    "outcome.ts",
    "const isSameContext = next.context === open.previous?.context;",
    "const isSameContext = open.previous !== undefined;",
  ]),
  mutant("copies of the context", [
    "restore.ts",
    ": fromData(stored, reviver(envelope, children, scope));",
    ": stored;",
  ]),
  mutant("copies of an unread context that is read again", [
    "unread-context.ts",
    "return fromData(this.#kept, (mark) => mark);",
    "return this.#kept;",
  ]),
  mutant("special values of a large context", [
    "codec.ts",
    'rest === undefined || Object.hasOwn(rest, "specials")',
    "rest === undefined",
  ]),
];
