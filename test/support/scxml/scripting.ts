// The ECMAScript data model of SCXML: evaluates expressions, assignments and scripts over plain data.
import { compileFunction } from "node:vm";
import type { ScxmlEvent } from "./event.ts";

export type Data = Record<string, unknown>;

/** Which session runs: the root, or one that another has invoked. */
export interface Session {
  readonly id: string;
  readonly name: string;
  /** What the invoking session calls this one. */
  readonly invokeId?: string;
}

/** What an expression can see. */
export interface Surroundings {
  /** Expressions may change it in place. */
  readonly data: Data;
  readonly event: ScxmlEvent | undefined;
  readonly session: Session;
  /** The predicate `In`. */
  readonly isActive: (stateId: string) => boolean;
}

const systemNames = ["In", "_event", "_sessionid", "_name", "_ioprocessors"] as const;
export const eventProcessor = "http://www.w3.org/TR/scxml/#SCXMLEventProcessor";

/** Where a session takes events over HTTP. Only the session itself sends there, so there is no socket. */
export const httpLocation = ({ id }: Session): string => `http://127.0.0.1/${id}`;

type Compiled = (...values: unknown[]) => unknown;

/** Data by name are variables, which only `with` can give them to be; tests alone run this code. */
export class Scripting {
  /** Functions of the document's scripts. They are no data, so each evaluation declares them anew. */
  readonly #functions: string;
  readonly #compiled = new Map<string, Compiled>();

  constructor(scripts: readonly string[]) {
    this.#functions = scripts.flatMap(functionDeclarations).join("\n");
  }

  evaluate(expression: string, seen: Surroundings): unknown {
    return this.#run(`return (${expression.replace(/;\s*$/, "")}\n);`, seen);
  }

  /** Whether the expression can be evaluated at all. */
  isLegal(expression: string): boolean {
    try {
      this.#compile(`return (${expression}\n);`);
      return true;
    } catch {
      return false;
    }
  }

  /** @throws Error where nothing of that name is declared, or it is the system's. */
  assign(location: string, value: unknown, seen: Surroundings): void {
    const name = /^\s*([\p{L}_$][\p{L}\p{N}_$]*)/u.exec(location)?.[1];
    if (name === undefined || !Object.hasOwn(seen.data, name)) {
      throw new Error(`'${location}' can't be assigned to`);
    }
    this.#run(`${location} = $value;`, seen, value);
  }

  /** Run a script. Variables that it declares become data. */
  run(script: string, seen: Surroundings): void {
    for (const [, declared = ""] of script.matchAll(/\bvar\s+([\w$\s,=]+)/g)) {
      for (const one of declared.split(",")) {
        const name = one.split("=", 1)[0]!.trim();
        if (/^[A-Za-z_$][\w$]*$/.test(name)) seen.data[name] ??= undefined;
      }
    }
    this.#run(script, seen);
  }

  #run(body: string, seen: Surroundings, value?: unknown): unknown {
    const { data, event, session, isActive } = seen;
    const location = `#_scxml_${session.id}`;
    const processors = {
      [eventProcessor]: { location },
      scxml: { location },
      basichttp: { location: httpLocation(session) },
    };
    const compiled = this.#compile(body);
    return compiled(data, value, isActive, event, session.id, session.name, processors);
  }

  #compile(body: string): Compiled {
    let compiled = this.#compiled.get(body);
    if (compiled === undefined) {
      compiled = compileFunction(`with ($data) { ${this.#functions}\n${body} }`, [
        "$data",
        "$value",
        ...systemNames,
      ]) as Compiled;
      this.#compiled.set(body, compiled);
    }
    return compiled;
  }
}

/** The function declarations in a script, each from its name to its closing brace. */
function functionDeclarations(script: string): string[] {
  const found: string[] = [];
  for (const { index } of script.matchAll(/\bfunction\s+[A-Za-z_$][\w$]*\s*\(/g)) {
    let depth = 0;
    for (let at = script.indexOf("{", index); at < script.length; at++) {
      if (script[at] === "{") depth++;
      if (script[at] === "}" && --depth === 0) {
        found.push(script.slice(index, at + 1));
        break;
      }
    }
  }
  return found;
}

/** Where a function is kept as its text. */
const functionKey = "$function";

/** A deep copy that is plain data: instances lose their class, functions become their text. */
export function plainCopy<T>(value: T): T {
  if (typeof value === "function") return { [functionKey]: String(value) } as T;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(plainCopy) as T;
  return mapped(value as Data, plainCopy) as T;
}

/** A deep copy of what `plainCopy` made, with its functions. */
export function revived<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(revived) as T;
  const source = (value as Data)[functionKey];
  if (typeof source === "string") return compileFunction(`return (${source});`)() as T;
  return mapped(value as Data, revived) as T;
}

const mapped = (value: Data, map: (member: unknown) => unknown): Data =>
  Object.fromEntries(Object.entries(value).map(([key, member]) => [key, map(member)]));

/** What literal text in a document stands for: an expression, or else a string with its spaces joined. */
export function literal(text: string, scripting: Scripting, seen: Surroundings): unknown {
  const trimmed = text.trim().replaceAll(/\s+/g, " ");
  try {
    return scripting.evaluate(trimmed, seen);
  } catch {
    return trimmed;
  }
}
