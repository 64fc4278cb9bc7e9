// A machine as JSON: the shape of XState's config, with a name in the place of every function. Its schema and limits.
import { z } from "zod";
import { RuntimeError } from "../../errors.ts";
import { inspectJson } from "../../protocol/json.ts";

/** The most characters that a document may have. */
export const documentCharsMax = 1024 * 1024;

/** The parts that the published schema has names for. */
const published = z.registry<{ readonly id: string }>();
function part<Schema extends z.ZodType>(id: string, schema: Schema): Schema {
  published.add(schema, { id });
  return schema;
}

const Name = part("Name", z.string().min(1).max(128));
const Json = part("Json", z.json());
const Event = part("Event", z.looseObject({ type: Name }));
const Delay = part("Delay", z.union([z.number().nonnegative(), Name]));

/** What is done: an action of the machine by its name, or one of XState's own with its members. */
const Action = part(
  "Action",
  z.union([
    Name,
    z.strictObject({
      type: z.literal("xstate.raise"),
      event: Event,
      id: Name.optional(),
      delay: Delay.optional(),
    }),
    z.strictObject({
      type: z.literal("xstate.sendTo"),
      to: Name,
      event: Event,
      id: Name.optional(),
      delay: Delay.optional(),
    }),
    z.strictObject({ type: z.literal("xstate.cancel"), sendId: Name }),
    z.strictObject({ type: z.literal("xstate.emit"), event: Event }),
    z.strictObject({ type: z.literal("xstate.log"), value: Json, label: Name.optional() }),
    z.strictObject({
      type: z.literal("xstate.spawnChild"),
      src: Name,
      id: Name,
      systemId: Name.optional(),
      input: Json.optional(),
    }),
    z.strictObject({ type: z.literal("xstate.stopChild"), actorRef: Name }),
    z.strictObject({ type: Name.regex(/^(?!xstate\.)/), params: Json.optional() }),
  ]),
);
export type Action = z.infer<typeof Action>;
const Actions = part("Actions", z.union([Action, z.array(Action)]));

/** A condition: a guard of the machine by its name, or others put together. */
export type Guard =
  | string
  | { readonly type: string; readonly params?: unknown }
  | { readonly type: "xstate.and" | "xstate.or" | "xstate.not"; readonly guards: readonly Guard[] }
  | { readonly type: "xstate.stateIn"; readonly state: unknown };
const Guard: z.ZodType<Guard> = part(
  "Guard",
  z.lazy(() =>
    z.union([
      Name,
      z
        .strictObject({
          type: z.enum(["xstate.and", "xstate.or", "xstate.not"]),
          guards: z.array(Guard).min(1),
        })
        .refine(({ type, guards }) => type !== "xstate.not" || guards.length === 1, {
          path: ["guards"],
          error: "xstate.not takes one guard",
        }),
      z.strictObject({ type: z.literal("xstate.stateIn"), state: Json }),
      z.strictObject({ type: Name.regex(/^(?!xstate\.)/), params: Json.optional() }),
    ]),
  ),
);

const Target = part("Target", z.union([Name, z.array(Name).min(1)]));
const Transition = part(
  "Transition",
  z.strictObject({
    target: Target.optional(),
    guard: Guard.optional(),
    actions: Actions.optional(),
    reenter: z.boolean().optional(),
    description: z.string().optional(),
    meta: z.record(z.string(), Json).optional(),
  }),
);
const Transitions = part(
  "Transitions",
  z.union([Name, Transition, z.array(z.union([Name, Transition]))]),
);

const Invoke = part(
  "Invoke",
  z.strictObject({
    src: Name,
    id: Name.optional(),
    systemId: Name.optional(),
    input: Json.optional(),
    /** The name of a value that is made when the invocation starts. */
    inputFrom: Name.optional(),
    onDone: Transitions.optional(),
    onError: Transitions.optional(),
    onSnapshot: Transitions.optional(),
  }),
);

const Initial = part(
  "Initial",
  z.union([Name, z.strictObject({ target: Target, actions: Actions.optional() })]),
);
const stateMembers = {
  id: Name.optional(),
  type: z.enum(["atomic", "compound", "parallel", "final", "history"]).optional(),
  initial: Initial.optional(),
  description: z.string().optional(),
  tags: z.union([Name, z.array(Name)]).optional(),
  meta: z.record(z.string(), Json).optional(),
  entry: Actions.optional(),
  exit: Actions.optional(),
  on: z.record(z.string(), Transitions).optional(),
  after: z.record(z.string(), Transitions).optional(),
  always: Transitions.optional(),
  onDone: Transitions.optional(),
  invoke: z.union([Invoke, z.array(Invoke)]).optional(),
  history: z.union([z.enum(["shallow", "deep"]), z.boolean()]).optional(),
  target: Target.optional(),
  output: Json.optional(),
  outputFrom: Name.optional(),
};
/** One state of a document. */
export interface StateDocument extends z.infer<z.ZodObject<typeof stateMembers>> {
  readonly states?: Readonly<Record<string, StateDocument>> | undefined;
}
const State: z.ZodType<StateDocument> = part(
  "State",
  z.lazy(() => z.strictObject({ ...stateMembers, states: z.record(z.string(), State).optional() })),
);

export const MachineDocument = part(
  "Machine",
  z.strictObject({
    ...stateMembers,
    id: Name,
    states: z.record(z.string(), State).optional(),
    context: z.record(z.string(), Json).optional(),
    /** The name of a value that is made of a job's input. */
    contextFrom: Name.optional(),
    version: z.string().optional(),
    /** What other tools leave there is ignored. */
    types: z.unknown().optional(),
    schemas: z.unknown().optional(),
  }),
);
export type MachineDocument = z.infer<typeof MachineDocument>;

/** A blueprint as JSON. A bare machine is one, too: its id is the name, and its version the version, 1 where absent. */
export const BlueprintDocument = part(
  "Blueprint",
  z.strictObject({
    $schema: z.string().optional(),
    name: Name,
    version: z.string(),
    endpoint: z.string().optional(),
    apiVersion: z.string().optional(),
    retentionMs: z.union([z.int(), z.literal("forever")]).optional(),
    /** Events that are kept where no state takes them yet, and how many at most. */
    defer: z.array(Name).optional(),
    deferMax: z.int().optional(),
    machine: MachineDocument,
  }),
);
export type BlueprintDocument = z.infer<typeof BlueprintDocument>;

/** The published JSON Schema of documents: `docs/blueprint.schema.json` is it. */
export function blueprintJsonSchema(): object {
  return z.toJSONSchema(BlueprintDocument, { io: "input", metadata: published });
}

/** One thing that is wrong with a document, at a path such as `states.open.on.PAY.0.guard`. */
export interface DocumentProblem {
  readonly path: string;
  readonly message: string;
}

/**
 * Read a document from outside. Nothing in it is evaluated.
 *
 * @param text JSON of a blueprint, or of a bare machine as XState's config and Stately have it
 * @throws RuntimeError `interchange.invalid` with the problems, each with its path.
 */
export function readDocument(text: string): BlueprintDocument {
  if (text.length > documentCharsMax)
    throw invalid([{ path: "", message: `it has more than ${documentCharsMax} characters` }]);
  const value = parsed(text);
  const isWhole = typeof value === "object" && value !== null && "machine" in value;
  return isWhole ? checked(BlueprintDocument, value) : bare(checked(MachineDocument, value));
}

/** @throws RuntimeError `interchange.invalid` */
export function checkDocument(value: unknown): BlueprintDocument {
  return readDocument(JSON.stringify(value));
}

function bare(machine: MachineDocument): BlueprintDocument {
  const { version = "1", ...rest } = machine;
  return { name: machine.id, version, machine: rest };
}

function parsed(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid([{ path: "", message: `it is not JSON: ${(error as Error).message}` }]);
  }
  const refused = inspectJson(value);
  if (refused) throw invalid([{ path: "", message: refused.message }]);
  return value;
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalid(result.error.issues.flatMap((issue) => deepest(issue, [])));
}

/** Of a union's branches, the one that came furthest says best what is wrong. */
function deepest(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): DocumentProblem[] {
  const path = [...above, ...issue.path];
  if (issue.code !== "invalid_union" || issue.errors.length === 0)
    return [{ path: path.map(String).join("."), message: issue.message }];
  const branches = issue.errors.map((issues) => issues.flatMap((one) => deepest(one, path)));
  const depth = (branch: readonly DocumentProblem[]): number =>
    Math.max(...branch.map((one) => one.path.split(".").length));
  return branches.toSorted((a, b) => depth(b) - depth(a) || a.length - b.length)[0] ?? [];
}

export function invalid(problems: readonly DocumentProblem[]): RuntimeError {
  const spelt = problems
    .slice(0, 5)
    .map(({ path, message }) => `${path || "document"}: ${message.replace(/\.$/, "")}`);
  const more = problems.length > 5 ? ` (and ${problems.length - 5} more)` : "";
  return new RuntimeError(
    "interchange.invalid",
    `This is no machine that can be imported. ${spelt.join("; ")}${more}.`,
    { problems },
  );
}
