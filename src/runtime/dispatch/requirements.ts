// Whether a worker has what a task requires, and if not, what it lacks, in words.
import type { Requirement, Comparison, Requirements } from "../../blueprint/placement.ts";

/** What is asked of a worker, whatever its load. */
export interface Demand {
  readonly requirements?: Requirements;
  readonly maxCost?: number;
  /** How many slots the task takes; 1 where absent. */
  readonly slots?: number;
}

/** What a worker says of itself. */
export interface Offer {
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: Readonly<Record<string, unknown>>;
  readonly costPerSecond?: number;
  readonly installedModels?: readonly unknown[];
  /** All its slots, free or not. */
  readonly slots: number;
}

/**
 * What a worker lacks.
 *
 * @returns the end of a sentence that begins with the worker ("has no GPU"); undefined where it lacks nothing
 */
export function lack(demand: Demand, offer: Offer): string | undefined {
  const { requirements = {}, maxCost, slots = 1 } = demand;
  const { costPerSecond = 0 } = offer;
  if (maxCost !== undefined && costPerSecond > maxCost)
    return `costs ${costPerSecond} a second, and the task may cost ${maxCost}`;
  if (offer.slots < slots) return `has ${offer.slots} slots, and the task takes ${slots}`;
  const { gpu_info, installed_models = [], labels = {}, ...resources } = requirements;
  return (
    (gpu_info && gpuLack(gpu_info, offer.resources["gpu_info"])) ??
    modelLack(installed_models, modelsOf(offer)) ??
    firstLack(labels, offer.labels, "label", "eq") ??
    firstLack(resources, offer.resources, "resource", "gte")
  );
}

/** The names of the models that a worker has. Workers of ours count them among the resources. */
export function modelsOf({
  installedModels,
  resources,
}: Pick<Offer, "installedModels" | "resources">): readonly string[] {
  const models = installedModels ?? resources["installed_models"];
  if (!Array.isArray(models)) return [];
  return models.flatMap((model: unknown) => {
    if (typeof model === "string") return [model];
    const name = isRecord(model) ? model["name"] : undefined;
    return typeof name === "string" ? [name] : [];
  });
}

function gpuLack(
  { model = "", vram_gb = 0 }: NonNullable<Requirements["gpu_info"]>,
  said: unknown,
): string | undefined {
  const gpus = (Array.isArray(said) ? said : [said]).filter(isRecord);
  if (gpus.length === 0) return "has no GPU";
  const wanted = model.toLowerCase();
  const ofModel = gpus.filter(({ model: name = "" }) =>
    textOf(name).toLowerCase().includes(wanted),
  );
  if (ofModel.length === 0) return `has no ${model} GPU`;
  const most = Math.max(...ofModel.map((gpu) => Number(gpu["vram_gb"]) || 0));
  return most >= vram_gb ? undefined : `has a GPU of ${most} GB, and the task needs ${vram_gb} GB`;
}

function modelLack(wanted: readonly string[], models: readonly string[]): string | undefined {
  const missing = wanted.find((name) => !models.includes(name));
  return missing === undefined ? undefined : `has not installed the model "${missing}"`;
}

function firstLack(
  conditions: Readonly<Record<string, unknown>>,
  said: Readonly<Record<string, unknown>>,
  kind: "label" | "resource",
  bareNumber: "eq" | "gte",
): string | undefined {
  for (const [name, condition] of Object.entries(conditions)) {
    const comparison = comparisonOf(condition as Requirement, bareNumber);
    const value = Object.hasOwn(said, name) ? said[name] : undefined;
    if (holds(comparison, value)) continue;
    const wish = inWords(comparison);
    return isAbsent(value)
      ? `has no ${kind} "${name}", which must be ${wish}`
      : `has the ${kind} "${name}" ${shown(value)}, which must be ${wish}`;
  }
  return undefined;
}

function comparisonOf(condition: Requirement, bareNumber: "eq" | "gte"): Comparison {
  if (Array.isArray(condition)) return { in: condition };
  if (typeof condition === "object") return condition as Comparison;
  return typeof condition === "number" && bareNumber === "gte"
    ? { gte: condition }
    : { eq: condition };
}

/** A worker that says nothing of it fails every comparison but `ne`, `not_in` and `exists: false`. */
function holds(comparison: Comparison, value: unknown): boolean {
  const { eq, ne, gt, gte, lt, lte, exists } = comparison;
  const { in: oneOf, not_in: noneOf } = comparison;
  const number = isAbsent(value) || value === "" ? Number.NaN : Number(value);
  return (
    (exists === undefined || exists !== isAbsent(value)) &&
    (eq === undefined || isSame(value, eq)) &&
    (ne === undefined || !isSame(value, ne)) &&
    (gt === undefined || number > gt) &&
    (gte === undefined || number >= gte) &&
    (lt === undefined || number < lt) &&
    (lte === undefined || number <= lte) &&
    (oneOf === undefined || oneOf.some((one) => isSame(value, one))) &&
    (noneOf === undefined || !noneOf.some((one) => isSame(value, one)))
  );
}

/** Labels are texts, so a number or a yes equals its text. */
const isSame = (value: unknown, wanted: unknown): boolean =>
  !isAbsent(value) && textOf(value) === textOf(wanted);

const signs = { gt: "above", gte: "at least", lt: "below", lte: "at most" } as const;

function inWords(comparison: Comparison): string {
  const parts = Object.entries(comparison).map(([comparator, value]) => {
    switch (comparator) {
      case "eq":
        return shown(value);
      case "ne":
        return `other than ${shown(value)}`;
      case "in":
        return `one of ${listed(value)}`;
      case "not_in":
        return `none of ${listed(value)}`;
      case "exists":
        return value === true ? "there" : "absent";
      default:
        return `${signs[comparator as keyof typeof signs]} ${shown(value)}`;
    }
  });
  return parts.join(" and ");
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value);
const listed = (values: unknown): string => (values as readonly unknown[]).map(shown).join(", ");
const shown = (value: unknown): string => JSON.stringify(value);
const isAbsent = (value: unknown): boolean => value === undefined || value === null;
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
