// Rules about the code that runs inside a step: it may run again, so it only reads what it is given, and makes plain data.
import type { Rule } from "./finding.ts";
import { functionsIn, sourceOf, stepCodeOf, type StepCode } from "./step-code.ts";

const clockOrChance =
  /\bDate\.now\b|\bnew Date\b(?!\s*\(\s*[^)\s])|\bMath\.random\b|\bperformance\.now\b|\bprocess\.hrtime\b|\brandomUUID\b|\bcrypto\.|\b(?:uuid|uuidv?[147]|nanoid|ulid)\(/;

/** A step is run again when it loses to another one, and when a job is replayed. */
export const clockOrRandom: Rule = function* (node, machine) {
  for (const { where } of codeLike(node, machine, clockOrChance))
    yield {
      code: "lint.clock_or_random",
      severity: "warning",
      where,
      message:
        "This reads a clock or makes something random, so a replay of the job would go another way: use stepNow() for the time, and let ids come with the input or from a task.",
    };
};

const effects =
  /\bfetch\(|\bset(?:Timeout|Interval|Immediate)\(|\bprocess\.env\b|\b(?:localStorage|sessionStorage)\b|\b(?:read|write|append)File(?:Sync)?\(|\bconsole\.\w+\(/;

/** It would happen again with every replay, and for turns that are never committed. */
export const effectInStep: Rule = function* (node, machine) {
  for (const { where } of codeLike(node, machine, effects))
    yield {
      code: "lint.effect_in_step",
      severity: "warning",
      where,
      message:
        "This reads or changes the world outside while the machine steps, which happens again whenever the step is repeated: make it a task, a fromPromise() or a named action, or give it with the input.",
    };
};

/** A promise is no answer: as a guard it is always true, and no context can hold one. */
export const asyncInStep: Rule = function* (node, machine) {
  for (const { where, code } of stepCodeOf(node, machine))
    if (functionsIn(code).some((one) => one.constructor.name === "AsyncFunction"))
      yield {
        code: "lint.async_in_step",
        severity: "error",
        where,
        message:
          "A step does not wait, so what an async function gives here is a promise and not its value: invoke a task or a fromPromise(), and use its output.",
      };
};

const change =
  /\bcontext(?:\.\w+|\[[^\]]+\])+\s*(?:=[^=>]|\+\+|--|[-+*/%|&?]{1,2}=)|\bcontext(?:\.\w+|\[[^\]]+\])+\.(?:push|splice|sort|reverse|pop|shift|unshift|fill|copyWithin)\(|\bdelete context\b/;

/** Where nothing is assigned, the change is lost or not, as it happens. */
export const contextMutation: Rule = function* (node, machine) {
  for (const { where } of codeLike(node, machine, change))
    yield {
      code: "lint.context_mutation",
      severity: "warning",
      where,
      message:
        "This changes the context in place, which counts or not by chance: give new values from assign(), as in { items: [...context.items, item] }.",
    };
};

const directSend =
  /\bself\s*\.\s*send\(|\b_parent\s*\??\.\s*send\(|\.get\([^)]*\)\s*\??\.\s*send\(|\bcontext(?:\.\w+)+\.send\(/;

/** The kernel refuses it: an event that was not committed would be lost, or sent twice. */
export const directSendInStep: Rule = function* (node, machine) {
  for (const { where } of codeLike(node, machine, directSend))
    yield {
      code: "lint.direct_send",
      severity: "error",
      where,
      message:
        "send() inside a step ends the job, because an event leaves a job only with its commit: use raise(), sendTo() or emit() as actions.",
    };
};

const lossy =
  /(?::|=>|\breturn|\?)\s*\(?\s*new (?:Date|Map|Set|WeakMap|WeakSet|RegExp|Error|URL|\w*Array|ArrayBuffer)\b(?:\([^()]*\))?(?!\s*[.(\w])|\b\d+n\b|\bBigInt\(|\bSymbol\(/;

/** The job would end there: only JSON can be stored. */
export const notJsonValue: Rule = function* (node, machine) {
  for (const { where, role } of codeLike(node, machine, lossy))
    if (role === "assign" || role === "context" || role === "output" || role === "input")
      yield {
        code: "lint.not_json_value",
        severity: "warning",
        where,
        message:
          "This seems to make a value that JSON cannot hold, at which the job ends: keep plain values, such as a text for a Date and an object for a Map.",
      };
};

const spawns = /\bspawn\s*\(/;

/** Neither charts nor these rules see it. */
export const spawnInAssign: Rule = function* (node, machine) {
  for (const { where, role, code } of codeLike(node, machine, spawns)) {
    if (role !== "assign" && role !== "context") continue;
    yield {
      code: "lint.spawn_in_assign",
      severity: "info",
      where,
      message:
        "spawn() inside assign hides the child from charts and checks: use spawnChild(src, { id }).",
    };
    if (/\bspawn\s*\(\s*[^,()]+\)/.test(sourceOf(code)))
      yield {
        code: "lint.spawn_without_id",
        severity: "warning",
        where,
        message:
          "spawn() without an id makes a new name every time, by which nobody can send to the child: give it one, as in spawn(src, { id }).",
      };
  }
};

function codeLike(
  node: Parameters<Rule>[0],
  machine: Parameters<Rule>[1],
  pattern: RegExp,
): readonly StepCode[] {
  return stepCodeOf(node, machine).filter(({ code }) => pattern.test(sourceOf(code)));
}
