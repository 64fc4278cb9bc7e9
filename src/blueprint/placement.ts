// Which workers may do a task, which of them is to, and how many such tasks may run: what a blueprint may ask for.

/** How a worker is chosen among those that are free. */
export const strategies = [
  "default",
  "round_robin",
  "least_connections",
  "cheapest",
  "best_value",
  "overflow",
] as const;
export type Strategy = (typeof strategies)[number];

type Scalar = string | number | boolean;

/** All members that are there must hold. `gt` and its like compare numbers. */
export interface Comparison {
  readonly eq?: Scalar;
  readonly ne?: Scalar;
  readonly gt?: number;
  readonly gte?: number;
  readonly lt?: number;
  readonly lte?: number;
  readonly in?: readonly Scalar[];
  readonly not_in?: readonly Scalar[];
  /** Whether the worker says anything of it at all. */
  readonly exists?: boolean;
}
/** A list stands for `in`. A value by itself stands for `eq`, but a number asked of a resource for `gte`. */
export type Requirement = Scalar | readonly Scalar[] | Comparison;

/** What a worker must have. Members beside the three that are named here are resources of its own naming. */
export interface Requirements {
  /** One GPU must have both: a model whose name contains this, in whatever case, and as many gigabytes. */
  readonly gpu_info?: { readonly model?: string; readonly vram_gb?: number };
  /** Models that must all be installed, by their names. */
  readonly installed_models?: readonly string[];
  readonly labels?: Readonly<Record<string, Requirement>>;
  /** Such as `cpu_cores: 8` (as many or more) or `os: "linux"`. */
  readonly [resource: string]: unknown;
}

/** How many tasks of one key may run, whatever their types. */
export interface TaskLimit {
  /** Tasks with the same key share the limits and take turns with those of other keys. 1 to 128 characters. */
  readonly key: string;
  /** The most of them that run at once; without it they only take turns. */
  readonly concurrency?: number;
  /** The most of them that begin within a time. */
  readonly rate?: {
    readonly count: number;
    readonly perMs: number;
  };
}

/** Which workers may do a task, which of them is to, and when. */
export interface Placement {
  /** `default` where absent: one that is warm, then the cheapest, then the one with most slots free. */
  readonly strategy?: Strategy;
  /** Such as `{ gpu_info: { model: "A100", vram_gb: 40 }, installed_models: ["llama"], labels: { zone: ["a", "b"] } }`. */
  readonly requirements?: Requirements;
  /** The most that a second of the worker may cost. One that does not say what it costs costs nothing. */
  readonly maxCost?: number;
  /** How many of its worker's slots the task takes; 1 where absent. */
  readonly slots?: number;
  readonly limit?: TaskLimit;
}

const comparators = ["eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "exists"] as const;
const numeric: ReadonlySet<string> = new Set(["gt", "gte", "lt", "lte"]);

/** All of it becomes part of a queue's name, which stores keep as a key. */
const placementBytesMax = 1000;

/** What is wrong with a placement, in words; undefined where nothing is. */
export function placementProblem(placement: Placement): string | undefined {
  if (typeof placement !== "object" || placement === null) return "placement is an object";
  const { strategy, requirements, maxCost, slots = 1, limit } = placement;
  if (strategy !== undefined && !strategies.includes(strategy))
    return `strategy is one of ${strategies.join(", ")}, not "${String(strategy)}"`;
  if (maxCost !== undefined && !(maxCost >= 0)) return "maxCost is 0 or more";
  if (!Number.isInteger(slots) || slots < 1)
    return `slots is a whole number of 1 or more, not ${slots}`;
  const problem =
    (requirements === undefined ? undefined : requirementsProblem(requirements)) ??
    (limit === undefined ? undefined : limitProblem(limit));
  if (problem !== undefined) return problem;
  const bytes = new TextEncoder().encode(JSON.stringify(placement)).length;
  return bytes > placementBytesMax
    ? `what it asks of workers takes ${bytes} bytes as JSON, and ${placementBytesMax} are the most`
    : undefined;
}

function requirementsProblem(requirements: Requirements): string | undefined {
  if (!isRecord(requirements)) return "requirements is an object";
  const { gpu_info, installed_models, labels = {}, ...resources } = requirements;
  if (gpu_info !== undefined) {
    const { model, vram_gb, ...others } = isRecord(gpu_info) ? gpu_info : { wrong: gpu_info };
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) return "gpu_info has `model` and `vram_gb`, and nothing else";
    if (model !== undefined && typeof model !== "string") return "gpu_info.model is a text";
    if (vram_gb !== undefined && !isNumber(vram_gb)) return "gpu_info.vram_gb is a number";
  }
  if (installed_models !== undefined && !isTexts(installed_models))
    return "installed_models is a list of names";
  if (!isRecord(labels)) return "labels is an object";
  for (const [name, condition] of [...Object.entries(labels), ...Object.entries(resources)]) {
    const problem = conditionProblem(condition);
    if (problem !== undefined) return `the requirement "${name}" ${problem}`;
  }
  return undefined;
}

function conditionProblem(condition: unknown): string | undefined {
  if (isScalar(condition)) return undefined;
  if (Array.isArray(condition))
    return condition.every(isScalar) ? undefined : "lists values that are no text or number";
  if (!isRecord(condition)) return "is no text, number, list or comparison";
  const entries = Object.entries(condition);
  if (entries.length === 0) return "compares with nothing";
  for (const [comparator, value] of entries) {
    if (!comparators.some((known) => known === comparator))
      return `compares by "${comparator}"; there are ${comparators.join(", ")}`;
    if (numeric.has(comparator) && !isNumber(value))
      return `compares by ${comparator} with no number`;
    if (comparator === "exists" && typeof value !== "boolean")
      return "has `exists` without a yes or no";
    const isList = comparator === "in" || comparator === "not_in";
    if (isList && !(Array.isArray(value) && value.every(isScalar)))
      return `compares by ${comparator} with no list`;
    if ((comparator === "eq" || comparator === "ne") && !isScalar(value))
      return `compares by ${comparator} with no text, number, or yes or no`;
  }
  return undefined;
}

function limitProblem(limit: TaskLimit): string | undefined {
  if (!isRecord(limit)) return "limit is an object";
  const { key, concurrency, rate } = limit;
  if (typeof key !== "string" || key.length === 0 || key.length > 128)
    return "limit.key has 1 to 128 characters";
  if (concurrency !== undefined && !(Number.isInteger(concurrency) && concurrency >= 1))
    return `limit.concurrency is a whole number of 1 or more, not ${concurrency}`;
  if (rate === undefined) return undefined;
  return isRecord(rate) && Number.isInteger(rate.count) && rate.count >= 1 && rate.perMs > 0
    ? undefined
    : "limit.rate needs a whole `count` of 1 or more, and `perMs` above 0";
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isNumber = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value);
const isScalar = (value: unknown): value is Scalar =>
  typeof value === "string" || typeof value === "boolean" || isNumber(value);
const isTexts = (value: unknown): boolean =>
  Array.isArray(value) && value.every((one) => typeof one === "string");
