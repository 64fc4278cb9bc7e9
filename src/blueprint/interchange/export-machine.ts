// From a blueprint to JSON: every function must have a name, or there is nothing that could be written down.
import type { AnyStateMachine } from "xstate";
import { RuntimeError } from "../../errors.ts";
import type { Blueprint } from "../blueprint.ts";
import { actionAsJson, guardAsJson } from "./built-in.ts";
import { checkDocument, type BlueprintDocument, type DocumentProblem } from "./document.ts";
import { originOf } from "./value-name.ts";

export interface ExportOptions {
  /** Functions that stand in the machine as `input`, `output` or `context`, under the names they are to have. */
  readonly values?: Readonly<Record<string, (args: never) => unknown>>;
}

/**
 * Write a blueprint as a JSON document, which `importBlueprint` reads again.
 *
 * Actions, guards, delays and actors are written by their names. Functions in place have none, so a machine that is to
 * be exported names them in `setup()`, and gives functions of `input`, `output` and `context` here. What is code besides
 * the machine (the schema of `input`, `migrate`) stays with the module.
 *
 * @throws RuntimeError `interchange.not_exportable` that lists what has no name, each with its path.
 */
export function exportBlueprint(
  { name, version, endpoint, apiVersion, retentionMs, defer, machine }: Blueprint,
  { values = {} }: ExportOptions = {},
): BlueprintDocument {
  const exporter = new Exporter(values);
  const config = exporter.machine(machine);
  if (exporter.problems.length > 0) throw notExportable(name, exporter.problems);
  const kept = defer && { defer: defer.events, deferMax: defer.max };
  return checkDocument({
    name,
    version,
    endpoint,
    apiVersion,
    retentionMs,
    ...kept,
    machine: config,
  });
}

type Config = Readonly<Record<string, unknown>>;

/** Where the machine stands in a document. */
const rootPath = "machine";

class Exporter {
  readonly problems: DocumentProblem[] = [];
  readonly #names: ReadonlyMap<unknown, string>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#names = new Map(Object.entries(values).map(([name, value]) => [value, name]));
  }

  machine(machine: AnyStateMachine): object {
    const config = machine.config as Config;
    const { context } = config;
    const origin = originOf(context);
    const begins =
      origin && "context" in origin
        ? { context: origin.context }
        : this.#made("context", context, `${rootPath}.context`);
    return { ...this.#state(config, rootPath), id: machine.id, context: undefined, ...begins };
  }

  #state(config: Config, path: string): object {
    const { entry, exit, on, after, always, onDone, invoke, initial, states, output } = config;
    const lists = (record: unknown, where: string) =>
      mapped(record as Config, (list, key) => this.#transitions(list, `${path}.${where}.${key}`));
    const begin = initial as Config | undefined;
    return {
      ...this.#plain(config, path),
      entry: this.#actions(entry, `${path}.entry`),
      exit: this.#actions(exit, `${path}.exit`),
      on: on && lists(on, "on"),
      after: after && lists(after, "after"),
      always: this.#transitions(always, `${path}.always`),
      onDone: this.#transitions(onDone, `${path}.onDone`),
      invoke: this.#each(invoke, `${path}.invoke`, (one, at) => this.#invoke(one as Config, at)),
      initial:
        typeof begin === "object"
          ? { ...begin, actions: this.#actions(begin["actions"], `${path}.initial.actions`) }
          : initial,
      states:
        states &&
        mapped(states as Config, (state, key) =>
          this.#state(state as Config, `${path}.states.${key}`),
        ),
      output: undefined,
      ...this.#made("output", output, `${path}.output`),
    };
  }

  /** Members that are data as they are. */
  #plain({ id, type, description, tags, meta, history, target }: Config, path: string): object {
    if (typeof meta === "object") this.#refuseFunctions(meta, `${path}.meta`);
    return { id, type, description, tags, meta, history, target };
  }

  #invoke({ src, id, systemId, input, ...config }: Config, path: string): object {
    if (typeof src !== "string") this.#refuse(`${path}.src`, "logic in place of a name");
    return {
      src,
      id,
      systemId,
      ...this.#made("input", input, `${path}.input`),
      onDone: this.#transitions(config["onDone"], `${path}.onDone`),
      onError: this.#transitions(config["onError"], `${path}.onError`),
      onSnapshot: this.#transitions(config["onSnapshot"], `${path}.onSnapshot`),
    };
  }

  #transitions(list: unknown, path: string): unknown {
    return this.#each(list, path, (one, at) => {
      if (typeof one === "string") return one;
      const { target, guard, actions, reenter, description, meta } = one as Config;
      const condition = guard === undefined ? undefined : guardAsJson(guard);
      if (guard !== undefined) this.#refuseFunctions(condition, `${at}.guard`);
      const named = this.#actions(actions, `${at}.actions`);
      return { target, guard: condition, actions: named, reenter, description, meta };
    });
  }

  #actions(actions: unknown, path: string): unknown {
    return this.#each(actions, path, (action, at) => {
      const written = actionAsJson(action);
      this.#refuseFunctions(written, at);
      return written;
    });
  }

  /** A value that may be a function with a name. */
  #made(member: "context" | "input" | "output", value: unknown, path: string): object {
    if (value === undefined) return {};
    const origin = originOf(value);
    if (origin && "from" in origin) return { [`${member}From`]: origin.from };
    if (origin && "output" in origin) return { output: origin.output };
    const name = this.#names.get(value);
    if (name !== undefined) return { [`${member}From`]: name };
    this.#refuseFunctions(value, path);
    return { [member]: value };
  }

  #each(list: unknown, path: string, write: (one: unknown, path: string) => unknown): unknown {
    if (list === undefined) return undefined;
    if (!Array.isArray(list)) return dense(write(list, path));
    return list.map((one, index) => dense(write(one, `${path}.${index}`)));
  }

  #refuseFunctions(value: unknown, path: string): void {
    if (value === undefined || typeof value === "function")
      this.#refuse(path, "a function in place, which has no name");
    else if (typeof value === "object" && value !== null)
      for (const [key, member] of Object.entries(value))
        // Of an object, a member that is undefined is left out; in a list, it was a function.
        if (member !== undefined || Array.isArray(value))
          this.#refuseFunctions(member, `${path}.${key}`);
  }

  #refuse(path: string, message: string): void {
    if (!this.problems.some((one) => one.path === path)) this.problems.push({ path, message });
  }
}

/** Without members that are undefined. */
function dense(value: unknown): unknown {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined))
    : value;
}

const mapped = (record: Config, change: (one: unknown, key: string) => unknown): Config =>
  Object.fromEntries(Object.entries(record).map(([key, one]) => [key, change(one, key)]));

function notExportable(name: string, problems: readonly DocumentProblem[]): RuntimeError {
  const spelt = problems.map(({ path, message }) => `${path}: ${message}`);
  return new RuntimeError(
    "interchange.not_exportable",
    `Blueprint "${name}" cannot be written as JSON. ${spelt.join("; ")}.`,
    { blueprint: name, problems },
  );
}
