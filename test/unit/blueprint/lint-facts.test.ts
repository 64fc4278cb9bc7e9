// What is known of XState under persistence, fact by fact, with the rule that sees it before any job is started.
import { expect, test } from "vitest";
import { filesIn, read } from "../../tidy/repository.ts";

interface Fact {
  readonly fact: string;
  /** Codes of rules; or why no rule is needed. */
  readonly seenBy: readonly `lint.${string}`[] | { readonly not: string };
}

const facts: Readonly<Record<string, readonly Fact[]>> = {
  "steps and their actions": [
    { fact: "a function in place of an action has no name", seenBy: ["lint.inline_action"] },
    {
      fact: "an action without code is listed and does nothing",
      seenBy: ["lint.unimplemented_action"],
    },
    { fact: "an unknown delay is none", seenBy: ["lint.unknown_delay"] },
    { fact: "an unknown guard throws", seenBy: ["lint.unknown_guard"] },
    { fact: "stateIn of an unknown id throws", seenBy: ["lint.unknown_state_in"] },
    { fact: "sending to an unknown child throws", seenBy: ["lint.unknown_send_target"] },
    {
      fact: "an actor that cannot be found makes an event go to the job",
      seenBy: ["lint.send_to_system"],
    },
    { fact: "sendParent without a parent throws", seenBy: ["lint.send_parent"] },
    {
      fact: "an invocation without id is named by its position",
      seenBy: ["lint.positional_invoke_id"],
    },
    {
      fact: "invoked logic in place of a name is `xstate.invoke.…`",
      seenBy: ["lint.inline_actor"],
    },
    {
      fact: "spawned children without id overwrite one another",
      seenBy: ["lint.spawn_without_id"],
    },
    { fact: "spawn inside assign or context leaves no action", seenBy: ["lint.spawn_in_assign"] },
    { fact: "an unhandled failure of a child ends the job", seenBy: ["lint.missing_on_error"] },
    { fact: "eventless transitions in a circle never end", seenBy: ["lint.eventless_loop"] },
    { fact: "events raised in a circle never end", seenBy: ["lint.raise_loop"] },
    { fact: "a guard that throws ends the job", seenBy: { not: "only running it tells" } },
    {
      fact: "a job that is done takes root transitions",
      seenBy: { not: "the kernel gives it no events" },
    },
    {
      fact: "sends to a child come before its start",
      seenBy: { not: "the kernel starts children first" },
    },
  ],
  "what can be stored": [
    { fact: "a context in place is shared by all jobs", seenBy: ["lint.static_context"] },
    { fact: "a context in place holds what JSON cannot", seenBy: ["lint.context_not_json"] },
    { fact: "code makes what JSON cannot hold", seenBy: ["lint.not_json_value"] },
    { fact: "a promise is stored as nothing", seenBy: ["lint.async_in_step"] },
    { fact: "an unknown actor is dropped on restore", seenBy: ["lint.unknown_actor"] },
    { fact: "actors in memory are not restored", seenBy: ["lint.unsupported_actor"] },
    { fact: "`*` takes outcomes of children", seenBy: ["lint.wildcard_takes_outcome"] },
    {
      fact: "two children under one id take each other's outcomes",
      seenBy: ["lint.shared_invoke_id"],
    },
    { fact: "history comes back to the last state of an id", seenBy: ["lint.shared_state_id"] },
    { fact: "two children under one systemId hide each other", seenBy: ["lint.shared_system_id"] },
    {
      fact: "a transition into a sibling region makes an illegal configuration",
      seenBy: ["lint.cross_region_target"],
    },
    {
      fact: "history of a parent that is not left is another visit's",
      seenBy: ["lint.history_from_inside"],
    },
    { fact: "late outcomes complete later invocations", seenBy: { not: "generations fence them" } },
    {
      fact: "the order of regions depends on the path",
      seenBy: { not: "the kernel restores document order" },
    },
  ],
  timers: [
    { fact: "a number in `after` is part of the timer's name", seenBy: ["lint.numeric_after"] },
    {
      fact: "a delayed event without id cannot be cancelled",
      seenBy: ["lint.delayed_send_without_id"],
    },
    { fact: "cancel takes back all of one id", seenBy: ["lint.shared_send_id"] },
    { fact: "cancel of an unknown id does nothing", seenBy: ["lint.unknown_cancel"] },
    { fact: "a state without a timer waits for ever", seenBy: ["lint.wait_without_timeout"] },
  ],
  "determinism and memory": [
    { fact: "clocks and chance differ in a replay", seenBy: ["lint.clock_or_random"] },
    { fact: "effects in a step happen again", seenBy: ["lint.effect_in_step"] },
    { fact: "a context that is changed in place leaks", seenBy: ["lint.context_mutation"] },
    { fact: "self.send() inside a step is lost", seenBy: ["lint.direct_send"] },
    { fact: "event types are remembered for ever", seenBy: { not: "the kernel bounds them" } },
    { fact: "clients could name events of XState", seenBy: ["lint.internal_event"] },
  ],
  "children as jobs": [
    { fact: "a promise has no emit, self and system", seenBy: ["lint.promise_scope"] },
    { fact: "a machine inside a machine loses its actions", seenBy: ["lint.unsupported_actor"] },
  ],
  "pictures and interchange": [
    { fact: "guards without a name vanish from definitions", seenBy: ["lint.inline_guard"] },
    { fact: "a dot in a name or id reads as a path", seenBy: ["lint.dotted_key"] },
    { fact: "a machine without id is called (machine)", seenBy: ["lint.missing_machine_id"] },
  ],
  versions: [
    {
      fact: "a changed shape under an old version breaks running jobs",
      seenBy: { not: "the registry refuses it" },
    },
    {
      fact: "an invocation that is put before another takes its outcomes",
      seenBy: ["lint.positional_invoke_id"],
    },
  ],
  "the way of a job": [
    { fact: "nothing leads to a state", seenBy: ["lint.unreachable_state"] },
    { fact: "nothing leads out of a state", seenBy: ["lint.dead_end"] },
    { fact: "only failures lead out of a state", seenBy: ["lint.missing_on_done"] },
    { fact: "nothing follows where a job ends", seenBy: ["lint.work_in_final"] },
    { fact: "nothing ends a job", seenBy: ["lint.no_end"] },
    { fact: "nothing in a state makes it done", seenBy: ["lint.done_without_final"] },
    { fact: "a transition is never reached", seenBy: ["lint.shadowed_transition"] },
    { fact: "nobody does a task", seenBy: ["lint.no_worker"] },
  ],
};

const seen = new Set(
  Object.values(facts).flatMap((list) =>
    list.flatMap(({ seenBy }) => ("not" in seenBy ? [] : [...seenBy])),
  ),
);
const inFiles = (folder: string): ReadonlySet<string> =>
  new Set(
    filesIn(folder, ".ts")
      .filter((file) => !file.endsWith("lint-facts.test.ts"))
      .flatMap((file) => [...read(file).matchAll(/"(lint\.\w+)"/g)].map(([, code = ""]) => code)),
  );

test("every fact that can be seen has a rule, and every rule sees a fact", () => {
  expect([...seen].toSorted()).toEqual([...inFiles("src/blueprint/lint")].toSorted());
});

/** Rules that ask for more than a machine; their tests are written out. */
const askingMore: ReadonlySet<string> = new Set(["lint.no_worker"]);

test("every rule has a case: a machine in which it is found, and one beside it in which it is not", () => {
  // `checkCases` makes the two tests of each `Case`, whose `bad` and `good` the compiler asks for.
  const cases = filesIn("test/unit/blueprint", ".test.ts")
    .map(read)
    .filter((text) => /^checkCases\(cases\);$/m.test(text))
    .flatMap((text) => [...text.matchAll(/code: "(lint\.\w+)",\s+severity: "\w+",\s+title: /g)])
    .map(([, code = ""]) => code);
  const without = [...seen].filter((code) => !cases.includes(code) && !askingMore.has(code));
  expect(without).toEqual([]);
});

test("a rule that asks for more than a machine is tested where it finds something, and where it finds nothing", () => {
  const workers = read("test/unit/blueprint/lint-workers.test.ts");
  for (const code of askingMore) expect(workers).toContain(`toEqual([["${code}"`);
  expect(workers).toContain("toEqual([])");
});
