// What a machine may keep: JSON values, `undefined` and references to actors. Checks and copies them.
import { RuntimeError } from "../errors.ts";

/** Stands for an actor reference in a stored context. As a class it can't be imitated by data. */
export class ActorMark {
  /** `#_self`, `#_parent` or the child's id. */
  readonly actor: string;
  /** Which invocation of the child; absent where that one is gone, and for self and parent. */
  readonly generation?: string;

  constructor(actor: string, generation?: string) {
    this.actor = actor;
    if (generation !== undefined) this.generation = generation;
  }
}

/** An actor reference, live or a stub. `send` is a function, so no JSON value passes for one. */
export interface ActorReference {
  readonly id: string;
  readonly sessionId: string;
  readonly send: unknown;
}

/** Deeper values are refused, and so are values that contain themselves. */
const depthMax = 1000;

/**
 * Check that `value` can be stored and give it with its actor references marked. Nothing is changed
 * in place; where nothing has to be replaced the result shares structure with `value`.
 *
 * @param name where the value stands, the first part of the path in error messages.
 * @param mark stands in for a reference; without it references are refused.
 * @throws RuntimeError `context.not_json` for what JSON would lose, naming the path.
 */
export function toData(
  value: unknown,
  name: string,
  mark?: (reference: ActorReference) => ActorMark,
): unknown {
  return isPlainData(value, 1) ? value : checked(value, [name], mark);
}

/** Whether a value can be stored as it is. Of most values that is so, and then no path of it has to be named. */
function isPlainData(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return true;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0);
    case "object":
      break;
    case "bigint":
    case "function":
    case "symbol":
      return false;
  }
  if (value === null) return true;
  if (depth > depthMax) return false;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++)
      if (!isPlainData(value[index], depth + 1)) return false;
    return true;
  }
  // References to actors have prototypes of their own, and so have marks; a look-alike is for the closer look.
  const prototype: unknown = Object.getPrototypeOf(value);
  if ((prototype !== Object.prototype && prototype !== null) || "send" in value) return false;
  for (const key in value)
    if (!isPlainData((value as Record<string, unknown>)[key], depth + 1)) return false;
  return true;
}

/**
 * A value of code that is no machine's as JSON. What has a `toJSON()`, such as a `Date`, is what that gives.
 *
 * @throws TypeError for what JSON would lose without a word, naming the member.
 */
export function jsonOf(value: unknown): string {
  return isPlainData(value, 1) ? JSON.stringify(value) : JSON.stringify(value, refuseLoss);
}

function refuseLoss(key: string, member: unknown): unknown {
  const lost = lossOf(member);
  if (lost === undefined) return member;
  const where = key === "" ? "The value" : `"${key}"`;
  throw new TypeError(`${where} is ${lost}; only JSON values can be stored`);
}

/** What JSON would leave nothing of. */
function lossOf(value: unknown): string | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? undefined : `${value}`;
  if (typeof value === "function" || typeof value === "symbol" || typeof value === "bigint")
    return `a ${typeof value}`;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null;
  if (isPlain || (Object.keys(value).length > 0 && !ArrayBuffer.isView(value))) return undefined;
  return `an instance of ${value.constructor?.name || "a class"}`;
}

function checked(
  value: unknown,
  path: string[],
  mark: ((reference: ActorReference) => ActorMark) | undefined,
): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "undefined":
      return value;
    case "number":
      // JSON has no -0 and nothing for NaN and the infinities.
      return Number.isFinite(value) ? value + 0 : refuse(path, `${value}`);
    case "object":
      break;
    case "bigint":
    case "function":
    case "symbol":
      return refuse(path, `a ${typeof value}`);
  }
  if (value === null) return null;
  if (isActorReference(value)) {
    return mark === undefined
      ? refuse(path, "an actor reference, which can't leave its job")
      : mark(value);
  }
  if (path.length > depthMax) refuse(path, `a cycle, or nested deeper than ${depthMax} levels`);
  return Array.isArray(value)
    ? checkedArray(value, path, mark)
    : checkedObject(value as Record<string, unknown>, path, mark);
}

function checkedArray(
  value: readonly unknown[],
  path: string[],
  mark: ((reference: ActorReference) => ActorMark) | undefined,
): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let index = 0; index < value.length; index++) {
    const item = value[index];
    if (typeof item === "string") continue;
    path.push(String(index));
    const stored = checked(item, path, mark);
    path.pop();
    if (!Object.is(stored, item)) (copy ??= [...value])[index] = stored;
  }
  return copy ?? value;
}

function checkedObject(
  value: Record<string, unknown>,
  path: string[],
  mark: ((reference: ActorReference) => ActorMark) | undefined,
): Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    refuse(path, `an instance of ${value.constructor?.name || "a class"}`);
  }
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(value)) {
    const member = value[key];
    if (typeof member === "string") continue;
    path.push(key);
    const stored = checked(member, path, mark);
    path.pop();
    if (!Object.is(stored, member)) setMember((copy ??= { ...value }), key, stored);
  }
  return copy ?? value;
}

function refuse(path: readonly string[], found: string): never {
  const where = path.length > 12 ? `${path.slice(0, 12).join(".")}…` : path.join(".");
  throw new RuntimeError(
    "context.not_json",
    `${where} is ${found}; only JSON values can be stored`,
    {
      path: where,
    },
  );
}

function isActorReference(value: object): value is ActorReference {
  return (
    "send" in value && typeof value.send === "function" && "sessionId" in value && "ref" in value
  );
}

/**
 * A deep copy of a stored value with its marks replaced, so that code which changes it in place
 * changes nobody else's.
 */
export function fromData(value: unknown, revive: (mark: ActorMark) => unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items: unknown[] = value.slice();
    for (let index = 0; index < items.length; index++) {
      const item = items[index];
      if (typeof item === "object" && item !== null) items[index] = fromData(item, revive);
    }
    return items;
  }
  if (value instanceof ActorMark) return revive(value);
  // Copied as a whole, which keeps its layout, and then only what is not a plain value is gone through.
  const copy: Record<string, unknown> = { ...value };
  for (const key in copy) {
    const member = copy[key];
    if (typeof member === "object" && member !== null)
      setMember(copy, key, fromData(member, revive));
  }
  return copy;
}

/** Set an own member whatever its name: a plain assignment to `__proto__` would change the prototype. */
export function setMember<T>(target: Record<string, T>, key: string, value: T): void {
  if (key !== "__proto__") target[key] = value;
  else
    Object.defineProperty(target, key, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
}
