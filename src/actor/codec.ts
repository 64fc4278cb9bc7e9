// The envelope as one JSON text, and back, without losing what JSON has no word for.
import { RuntimeError } from "../errors.ts";
import { ActorMark } from "./data.ts";
import { engineVersion, envelopeFormat, type Envelope } from "./envelope.ts";
import { areInPlace, largeMembersOf, UnreadContext } from "./unread-context.ts";

/**
 * A place in the envelope that holds `undefined`, or a reference to an actor. The JSON has null there.
 * Naming places, rather than putting marks among the data, leaves nothing for data to imitate.
 */
type Special =
  | { readonly path: readonly string[]; readonly kind: "undefined" }
  | {
      readonly path: readonly string[];
      readonly kind: "actor";
      readonly actor: string;
      readonly generation?: string;
    };

/** From this many characters on a context stands first in the text, and its large members and length last. */
const largeContext = 4096;
const contextStart = '{"context":';
const contextLengthAtEnd = /,"contextLength":(\d{1,15})\}$/;
/** What the text has besides the envelope. */
type Stored = Envelope & {
  readonly specials?: unknown;
  readonly contextLarge?: unknown;
  readonly contextLength?: unknown;
};

/** The envelope as JSON. Members that are `undefined` and references to actors survive. */
export function encodeEnvelope(envelope: Envelope): string {
  const { context: value, ...others } = envelope;
  const specials: Special[] = [];
  const context =
    value instanceof UnreadContext
      ? value.text
      : JSON.stringify(withoutSpecials(value, ["context"], specials));
  const stored: Record<string, unknown> = {};
  for (const member of ["timers", "output", "error", "deferred"] as const) {
    if (others[member] !== undefined) {
      stored[member] = withoutSpecials(others[member], [member], specials);
    }
  }
  const rest = JSON.stringify(
    specials.length === 0 ? others : { ...others, ...stored, specials },
  ).slice(1, -1);
  if (context.length < largeContext) return `${contextStart}${context},${rest}}`;
  // One with special values is read as a whole.
  const isPlain = specials.length === 0;
  const large =
    value instanceof UnreadContext
      ? value.large
      : largeMembersOf(isPlain ? value : undefined, context);
  return `${contextStart}${context},${rest},"contextLarge":${JSON.stringify(large)},"contextLength":${context.length}}`;
}

/**
 * Read what `encodeEnvelope` wrote.
 *
 * @throws RuntimeError `envelope.unreadable` for anything else, for a newer format and for another engine.
 */
export function decodeEnvelope(text: string): Envelope {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch (cause) {
    throw new RuntimeError("envelope.unreadable", "the envelope is not JSON", {}, { cause });
  }
  assertReadable(stored);
  const isPlain = !Object.hasOwn(stored, "specials") && !Object.hasOwn(stored, "contextLength");
  if (isPlain) return stored;
  const { specials, contextLarge: _large, contextLength: _length, ...envelope } = stored as Stored;
  if (specials === undefined) return envelope;
  if (!Array.isArray(specials)) throw unreadable("its special values are not a list");
  for (const special of specials as readonly Special[]) putSpecial(envelope, special);
  return envelope;
}

/**
 * The same for whoever makes steps: a large context is not read before a step needs it, and stands in the envelope as an
 * `UnreadContext` (see `contextOf`), whose large members are read one by one.
 *
 * @throws RuntimeError `envelope.unreadable`
 */
export function openEnvelope(text: string): Envelope {
  const length = contextLengthAtEnd.exec(text.slice(-40))?.[1];
  if (length === undefined) return decodeEnvelope(text);
  const end = contextStart.length + Number(length);
  // Another member follows it. A text that was not written here is read as a whole.
  const isOurs = text.startsWith(contextStart) && text.startsWith('},"jobId":', end - 1);
  const rest = isOurs ? objectIn(`{${text.slice(end + 1)}`) : undefined;
  if (rest === undefined || Object.hasOwn(rest, "specials")) return decodeEnvelope(text);
  assertReadable(rest);
  const { contextLarge, contextLength: _, ...envelope } = rest as Stored;
  const context = text.slice(contextStart.length, end);
  const large = areInPlace(contextLarge, context) ? contextLarge : [];
  return Object.assign({}, envelope, { context: new UnreadContext(context, large) });
}

function objectIn(text: string): object | undefined {
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined;
  }
}

/** `value` with null in the place of what JSON can't say; those places are added to `specials`. */
function withoutSpecials(value: unknown, path: string[], specials: Special[]): unknown {
  return hasSpecials(value) ? replaceSpecials(value, path, specials) : value;
}

/** Whether JSON can't say something of the value: of most it can say all, and then no path is needed. */
function hasSpecials(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return value === undefined;
  if (Array.isArray(value)) {
    // Counting finds holes, which are undefined, too.
    for (let index = 0; index < value.length; index++) if (hasSpecials(value[index])) return true;
    return false;
  }
  if (value instanceof ActorMark) return true;
  for (const key in value) if (hasSpecials((value as Record<string, unknown>)[key])) return true;
  return false;
}

function replaceSpecials(value: unknown, path: string[], specials: Special[]): unknown {
  if (value === undefined) {
    specials.push({ path: [...path], kind: "undefined" });
    return null;
  }
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof ActorMark) {
    const { actor, generation } = value;
    const which = generation === undefined ? {} : { generation };
    specials.push({ path: [...path], kind: "actor", actor, ...which });
    return null;
  }
  let copy: Record<string, unknown> | undefined;
  const members = value as Record<string, unknown>;
  // Holes of an array are no keys of it: counting finds them, and JSON writes them as null anyway.
  const keys = Array.isArray(value) ? value.keys() : Object.keys(value);
  for (const key of keys) {
    const member = members[key];
    if (member !== undefined && (typeof member !== "object" || member === null)) continue;
    path.push(String(key));
    const stored = replaceSpecials(member, path, specials);
    path.pop();
    if (stored === member) continue;
    copy ??= (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
    // An own `__proto__` is kept by the spread, so this sets that member and not the prototype.
    copy[key] = stored;
  }
  return copy ?? value;
}

function putSpecial(envelope: object, special: Special): void {
  let holder: unknown = envelope;
  for (const key of special.path.slice(0, -1)) holder = ownMember(holder, key);
  const last = special.path.at(-1);
  if (last === undefined || ownMember(holder, last) !== null) {
    throw unreadable("a special value has no place");
  }
  (holder as Record<string, unknown>)[last] =
    special.kind === "actor" ? new ActorMark(special.actor, special.generation) : undefined;
}

function ownMember(holder: unknown, key: string): unknown {
  if (typeof holder !== "object" || holder === null || !Object.hasOwn(holder, key)) {
    throw unreadable("a special value has no place");
  }
  return (holder as Record<string, unknown>)[key];
}

function assertReadable(stored: unknown): asserts stored is Envelope {
  if (typeof stored !== "object" || stored === null) throw unreadable("it is not an object");
  const {
    format,
    engine,
    engineVersion: version,
    jobId,
    revision,
    status,
    children,
    timers,
  } = stored as {
    readonly [member in keyof Envelope]?: unknown;
  };
  if (typeof format !== "number" || !Number.isInteger(format) || format < 1) {
    throw unreadable("it has no format number");
  }
  if (format > envelopeFormat) {
    throw unreadable(`its format is ${format}, and this release reads up to ${envelopeFormat}`);
  }
  if (
    engine !== "xstate" ||
    typeof version !== "string" ||
    major(version) !== major(engineVersion)
  ) {
    throw unreadable(
      `its engine is ${String(engine)} ${String(version)}, not xstate ${engineVersion}`,
    );
  }
  const isWhole =
    typeof jobId === "string" &&
    Number.isInteger(revision) &&
    typeof status === "string" &&
    isObject(children) &&
    isObject(timers);
  if (!isWhole) throw unreadable("members are missing");
}

const major = (version: string): string => version.slice(0, version.indexOf("."));
const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;

function unreadable(reason: string): RuntimeError {
  return new RuntimeError("envelope.unreadable", `The envelope can't be read: ${reason}`);
}
