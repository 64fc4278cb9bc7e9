// A large context as it was stored: its large members are read when somebody needs them, so that steps which leave them alone cost nothing.
import { RuntimeError } from "../errors.ts";
import { fromData } from "./data.ts";
import type { Envelope } from "./envelope.ts";

/** Where the value of a large member stands in the text of a context, in characters. */
export type LargeMember = readonly [name: string, start: number, length: number];

/** Where a context that was given away finds what it has not read yet. Not enumerable: copies are plain. */
const source = Symbol("unread context");

interface Given {
  readonly [source]: UnreadContext;
}

/** Node asks here how to show something. Who logs a context sees its members. */
const inspected = Symbol.for("nodejs.util.inspect.custom");
const shown: PropertyDescriptor = {
  value(this: object): unknown {
    return { ...this };
  },
};

/** What has been read of contexts that user code had frozen before: there, accessors stay. */
const readOfFrozen = new WeakMap<object, Map<string, unknown>>();

/** Stands in an envelope for a context in which there is nothing that JSON has no word for. */
export class UnreadContext {
  readonly text: string;
  readonly large: readonly LargeMember[];
  /** The context with null for each large member. */
  readonly #frame: UnreadValue;
  readonly #members = new Map<string, UnreadValue>();
  #damage: RuntimeError | undefined;

  /** @param large in the order in which they stand in the text. */
  constructor(text: string, large: readonly LargeMember[]) {
    this.text = text;
    this.large = large;
    let frame = "";
    let end = 0;
    for (const [name, start, length] of large) {
      frame += `${text.slice(end, start)}null`;
      end = start + length;
      this.#members.set(name, new UnreadValue(text.slice(start, end)));
    }
    this.#frame = new UnreadValue(frame + text.slice(end));
  }

  /**
   * The context, for the caller alone, who may change it in place. Its large members are accessors, which become values when
   * they are first used.
   *
   * @throws RuntimeError `envelope.unreadable`, as do the accessors.
   */
  own(): unknown {
    const context = this.#read(this.#frame);
    if (this.#members.size === 0) return context;
    Object.defineProperty(context, source, { value: this });
    Object.defineProperty(context, inspected, shown);
    for (const name of this.#members.keys()) Object.defineProperty(context, name, accessorOf(name));
    return context;
  }

  /**
   * A large member, for the caller alone.
   *
   * @throws RuntimeError `envelope.unreadable`
   */
  member(name: string): unknown {
    return this.#read(this.#members.get(name)!);
  }

  /** @throws RuntimeError `envelope.unreadable` where something could not be read, whatever became of that error. */
  assertUndamaged(): void {
    if (this.#damage) throw this.#damage;
  }

  #read(value: UnreadValue): unknown {
    try {
      return value.own();
    } catch (cause) {
      const message = "The envelope can't be read: its context is not JSON";
      this.#damage = new RuntimeError("envelope.unreadable", message, {}, { cause });
      throw this.#damage;
    }
  }
}

const accessors = new Map<string, PropertyDescriptor>();
const accessorsMax = 1000;

/**
 * What a large member of that name is before it is used. Contexts share it: V8 keeps accessors among what lives long, and whatever
 * one with a context of its own referred to would stay until the whole heap is collected.
 */
function accessorOf(name: string): PropertyDescriptor {
  let accessor = accessors.get(name);
  if (accessor === undefined) {
    if (accessors.size >= accessorsMax) accessors.clear();
    const plain = { writable: true, enumerable: true, configurable: true };
    const become = function (this: Given, value: unknown): void {
      Object.defineProperty(this, name, { ...plain, value });
    };
    const get = function (this: Given): unknown {
      const read = readOfFrozen.get(this);
      if (read?.has(name)) return read.get(name);
      const value = this[source].member(name);
      if (!Reflect.defineProperty(this, name, { ...plain, value }))
        readOfFrozen.set(this, (read ?? new Map<string, unknown>()).set(name, value));
      return value;
    };
    accessor = { get, set: become, enumerable: true, configurable: true };
    accessors.set(name, accessor);
  }
  return accessor;
}

/** JSON that is read for each who asks. Most often nobody asks twice: the first reading is given away, a second one kept and copied. */
class UnreadValue {
  readonly #text: string;
  #isGiven = false;
  /** Nobody else has it. */
  #kept: unknown;

  constructor(text: string) {
    this.#text = text;
  }

  own(): unknown {
    if (!this.#isGiven) {
      const read: unknown = JSON.parse(this.#text);
      this.#isGiven = true;
      return read;
    }
    this.#kept ??= JSON.parse(this.#text);
    return fromData(this.#kept, (mark) => mark);
  }
}

/** The context of an envelope, read where it has not been. Not to be changed in place. */
export const contextOf = ({ context }: Pick<Envelope, "context">): unknown =>
  context instanceof UnreadContext ? context.own() : context;

/** From this many characters on a member is read by itself. */
const largeMember = 1024;
/** A context with more members is read as a whole: to find the place of each, and to ask for each, takes longer than that. */
const membersMax = 100;

/** Where the large members of a context stand in `text`, which is its JSON. */
export function largeMembersOf(context: unknown, text: string): readonly LargeMember[] {
  if (typeof context !== "object" || context === null || Array.isArray(context)) return [];
  if (Object.keys(context).length > membersMax) return [];
  const members = Object.entries(context);
  // Whichever member is probably the largest is what the others leave of the text, and need not be written once more.
  const largest = members.toSorted(([, a], [, b]) => sizeOf(b) - sizeOf(a))[0]?.[0];
  const heads = new Map(members.map(([name]) => [name, JSON.stringify(name).length + ":".length]));
  const lengths = new Map<string, number>();
  let left = text.length - "{}".length + ",".length;
  for (const [name, value] of members) {
    left -= heads.get(name)! + ",".length;
    if (name === largest) continue;
    const { length } = JSON.stringify(value);
    lengths.set(name, length);
    left -= length;
  }
  let start = "{".length;
  return members.flatMap(([name]) => {
    const length = lengths.get(name) ?? left;
    const value: LargeMember = [name, start + heads.get(name)!, length];
    start += heads.get(name)! + length + ",".length;
    return length < largeMember ? [] : [value];
  });
}

/** A guess that costs little. */
function sizeOf(value: unknown): number {
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  return typeof value === "object" && value !== null ? Object.keys(value).length : 0;
}

/** Whether the members stand in `text` where they are said to. */
export function areInPlace(large: unknown, text: string): large is readonly LargeMember[] {
  if (!Array.isArray(large)) return false;
  let from = 0;
  return large.every((member: unknown) => {
    if (!Array.isArray(member)) return false;
    const [name, start, length] = member as readonly unknown[];
    if (typeof name !== "string" || !Number.isInteger(start) || !Number.isInteger(length))
      return false;
    const head = `${JSON.stringify(name)}:`;
    const begin = (start as number) - head.length;
    const end = (start as number) + (length as number);
    const isThere = begin >= from && end < text.length && text.startsWith(head, begin);
    from = end;
    return isThere && (text[end] === "," || text[end] === "}");
  });
}
