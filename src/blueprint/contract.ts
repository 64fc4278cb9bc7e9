// What a blueprint takes, gives and has done, as JSON Schema: for whoever starts its jobs, sends them events or does their tasks.
import { z } from "zod";
import { actorKind } from "./actor-kind.ts";
import type { Blueprint } from "./blueprint.ts";
import type { FlowMeta } from "./compile.ts";
import { isEventName } from "./declared-event.ts";
import type { TaskDefinition } from "./task.ts";
import { walk } from "./walk.ts";

/** JSON Schema 2020-12. An empty one says that anything fits. */
export type JsonSchema = Readonly<Record<string, unknown>>;

export interface BlueprintContract {
  readonly name: string;
  readonly version: string;
  readonly style: Blueprint["style"];
  /** What a job is started with. */
  readonly input: JsonSchema;
  /** What a job gives once it has finished. What a native machine gives is open. */
  readonly output: JsonSchema;
  /** By their types: what jobs take, and what is declared besides. */
  readonly events: readonly ContractEvent[];
  /** By their types: what workers are to do. */
  readonly tasks: readonly ContractTask[];
  /** The jobs that its jobs start, as far as that is declared. */
  readonly jobs: readonly ContractJob[];
}

export interface ContractEvent {
  /** `*` stands for any type, and `mouse.*` for those that begin so. */
  readonly type: string;
  /** The whole event, its type included. */
  readonly schema: JsonSchema;
  /** The dotted paths of the states that take it, as in a job's `current_state`; empty for the machine itself. */
  readonly states: readonly string[];
}

export interface ContractTask {
  readonly type: string;
  /** What a handler is given: a flow's task that is not declared may be given anything, and so on. */
  readonly params: JsonSchema;
  readonly output: JsonSchema;
  /** Of tasks that declare it. */
  readonly progress?: JsonSchema;
}

export interface ContractJob {
  readonly blueprint: string;
  /** The newest where absent. */
  readonly version?: string;
  readonly input: JsonSchema;
  readonly output: JsonSchema;
}

/** The contract of a blueprint. What JSON Schema cannot say is left open. */
export function contractOf(blueprint: Blueprint): BlueprintContract {
  const { name, version, style, input } = blueprint;
  return {
    name,
    version,
    style,
    input: input ? schemaOf(input, "input") : {},
    output: style === "flow" ? flowOutput(blueprint) : {},
    events: eventsOf(blueprint),
    tasks: tasksOf(blueprint),
    jobs: jobsOf(blueprint),
  };
}

function eventsOf({ machine, events: declared = {} }: Blueprint): readonly ContractEvent[] {
  const states = new Map<string, string[]>(Object.keys(declared).map((type) => [type, []]));
  for (const node of walk(machine))
    for (const type of node.transitions.keys() as Iterable<string>) {
      if (!isTaken(type)) continue;
      const taking = states.get(type) ?? [];
      states.set(type, [...taking, node.path.join(".")]);
    }
  return [...states].toSorted(byName).map(([type, taking]) => ({
    type,
    schema: eventSchema(type, declared[type]),
    states: taking,
  }));
}

/** Whether a client or worker may send it, wildcards included. */
const isTaken = (type: string): boolean =>
  type === "*" || isEventName(type.endsWith(".*") ? type.slice(0, -".*".length) : type);

function eventSchema(type: string, schema: z.ZodType | undefined): JsonSchema {
  const named = type.includes("*") ? { type: "string" } : { const: type };
  const alone = { type: "object", properties: { type: named }, required: ["type"] };
  if (!schema) return alone;
  const said = schemaOf(schema, "input");
  if (said["type"] !== "object") return { allOf: [alone, said] };
  const { properties = {}, required = [] } = said;
  return {
    ...said,
    properties: { type: named, ...(properties as object) },
    required: ["type", ...(required as readonly string[])],
  };
}

function tasksOf({ machine }: Blueprint): readonly ContractTask[] {
  const tasks = new Map<string, ContractTask>();
  for (const node of walk(machine))
    for (const type of (node.meta as FlowMeta | undefined)?.tasks ?? [])
      tasks.set(type, { type, params: {}, output: {} });
  for (const src of Object.keys(machine.implementations.actors)) {
    const kind = actorKind(machine, src);
    if (kind.kind !== "task") continue;
    const declared = kind.definition ? [kind.definition] : (kind.declared?.values() ?? []);
    for (const definition of declared) tasks.set(definition.type, taskContract(definition));
  }
  return [...tasks].toSorted(byName).map(([, task]) => task);
}

function taskContract({ type, input, output, progress }: TaskDefinition): ContractTask {
  return {
    type,
    params: schemaOf(input, "output"),
    output: schemaOf(output, "input"),
    ...(progress && { progress: schemaOf(progress, "input") }),
  };
}

function jobsOf({ machine }: Blueprint): readonly ContractJob[] {
  return Object.keys(machine.implementations.actors).flatMap((src) => {
    const kind = actorKind(machine, src);
    if (kind.kind !== "job" || !kind.definition) return [];
    const { blueprint, version, input, output } = kind.definition;
    return [
      {
        blueprint,
        ...(version !== undefined && { version }),
        input: schemaOf(input, "input"),
        output: schemaOf(output, "input"),
      },
    ];
  });
}

/** A flow gives the end state that it has reached, and its history. */
function flowOutput({ machine }: Blueprint): JsonSchema {
  const ends = Object.values(machine.root.states).filter(({ type }) => type === "final");
  return {
    type: "object",
    properties: {
      finalState: { enum: ends.map(({ key }) => key) },
      data: { type: "object" },
    },
    required: ["finalState", "data"],
  };
}

/** @param io as it is given, or as it is once it has been parsed, with its defaults. */
function schemaOf(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const { $schema: _, ...said } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return said;
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : 1;
