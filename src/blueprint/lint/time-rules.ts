// Rules about time and chance: timers that lose their jobs, and code that a replay would run differently.
import { builtInsOf, guardsIn, placeOf, transitionsOf } from "./definition.ts";
import { sourceOf } from "./action-rules.ts";
import type { Finding, Rule } from "./finding.ts";

const afterOf = (config: { readonly after?: unknown }): readonly string[] =>
  Object.keys((config.after ?? {}) as object);
const isNumber = (text: string): boolean => text.trim() !== "" && !Number.isNaN(Number(text));

/** XState takes an unknown delay for none, and leaves the state at once. */
export const afterDelay: Rule = function* (node, machine) {
  for (const delay of afterOf(node.config)) {
    const where = `${node.id} after ${delay}`;
    if (isNumber(delay))
      yield {
        code: "lint.numeric_after",
        severity: "info",
        where,
        message: `The number is part of the timer's name, so changing it leaves running jobs without one: name the delay in setup({ delays }).`,
      };
    else if (!Object.hasOwn(machine.implementations.delays, delay))
      yield {
        code: "lint.unknown_delay",
        severity: "error",
        where,
        message: `Delay "${delay}" is not declared, so the state would be left at once: add it to setup({ delays }).`,
      };
  }
};

const clockOrChance =
  /\bDate\.now\b|\bnew Date\(\s*\)|\bMath\.random\b|\bperformance\.now\b|\brandomUUID\b|\bcrypto\./;

/** A step is run again when it loses to another one, and when a job is replayed. */
export const clockOrRandom: Rule = function* (node, machine) {
  const found = (where: string): Finding => ({
    code: "lint.clock_or_random",
    severity: "warning",
    where,
    message:
      "This reads a clock or makes something random, so a replay of the job would go another way: use stepNow() for the time, and let ids come with the input or from a task.",
  });
  const differs = (value: unknown): boolean => clockOrChance.test(sourceOf(value));

  for (const transition of transitionsOf(node))
    if (guardsIn(transition.guard).some(differs)) yield found(placeOf(node, transition));
  for (const { where, builtIn } of builtInsOf(node, machine))
    if (differs(builtIn.assignment)) yield found(where);
  for (const { id, input } of node.invoke)
    if (differs(input)) yield found(`${node.id} invoke ${id}`);
  if (differs(node.output)) yield found(`${node.id} output`);
  if (node.parent) return;
  const { guards, delays } = machine.implementations;
  for (const [name, guard] of Object.entries(guards))
    if (differs(guard)) yield found(`guard "${name}"`);
  for (const [name, delay] of Object.entries(delays))
    if (differs(delay)) yield found(`delay "${name}"`);
  if (differs(machine.config.context)) yield found(`${node.id} context`);
};
