// Messages of other jobs and of workers: each is numbered by its sender and taken once; those of jobs also in order.
import type { Effect, Message, Sender } from "./effect.ts";
import type { Child, Envelope, Exchange } from "./envelope.ts";
import { awaitedChild, ownMember } from "./fence.ts";

const fresh: Exchange = { sent: 0, taken: 0 };

/**
 * The envelope with a numbered message counted as taken; without a number it stays as it is.
 *
 * @returns why the message can't be taken: it was taken before (`repeated`), one before it is missing
 * (`early`), or its child is not current (`fenced`).
 */
export function admit(
  envelope: Envelope,
  message: Message,
): Envelope | "repeated" | "early" | "fenced" {
  switch (message.type) {
    case "event": {
      const { sender } = message;
      switch (sender?.kind) {
        case undefined:
          return envelope;
        case "parent":
          return fromParent(envelope, sender.number);
        case "child":
          return fromChild(envelope, sender.child, sender.generation, sender.number);
        case "task":
          return fromTask(envelope, sender);
      }
    }
    case "stop":
      return message.number === undefined ? envelope : fromParent(envelope, message.number);
    case "done":
    case "failed":
      return message.number === undefined
        ? envelope
        : fromChild(envelope, message.child, message.generation, message.number);
    case "rejoined":
      return upTo(envelope, message);
    case "start":
    case "restart":
    case "restarted":
    case "migrate":
    case "deferred":
    case "part":
    case "progress":
    case "timer":
    case "redrive":
    case "rewound":
      return envelope;
  }
}

function fromParent(envelope: Envelope, number: number): ReturnType<typeof admit> {
  const exchange = taken(envelope.exchange, number);
  return typeof exchange === "string" ? exchange : { ...envelope, exchange };
}

function fromChild(
  envelope: Envelope,
  id: string,
  generation: string,
  number: number,
): ReturnType<typeof admit> {
  const current = awaitedChild(envelope, id, generation);
  const child = current ?? ownMember(envelope.awaiting ?? {}, generation);
  if (child === undefined) return "fenced";
  const exchange = taken(child.exchange, number);
  if (typeof exchange === "string") return exchange;
  const counted: Child = { ...child, exchange };
  return current === undefined
    ? { ...envelope, awaiting: { ...envelope.awaiting, [generation]: counted } }
    : { ...envelope, children: { ...envelope.children, [id]: counted } };
}

/** Of one task no later attempt must have been heard, nor a later event of this one. */
function fromTask(
  envelope: Envelope,
  { child: id, generation, taskId, attempt, number }: Sender & { readonly kind: "task" },
): ReturnType<typeof admit> {
  const child = awaitedChild(envelope, id, generation);
  if (child === undefined) return "fenced";
  const { heard = {} } = child;
  const last = ownMember(heard, taskId);
  if (last && attempt < last.attempt) return "fenced";
  if (last && attempt === last.attempt && number <= last.number) return "repeated";
  const counted: Child = { ...child, heard: { ...heard, [taskId]: { attempt, number } } };
  return { ...envelope, children: { ...envelope.children, [id]: counted } };
}

/** Whether a message is an event that another job has sent. Jobs, unlike clients and workers, don't come again. */
export function isEventOfJob(message: Message): boolean {
  return message.type === "event" && message.sender !== undefined && message.sender.kind !== "task";
}

/** What the child sent up to a number will never come. */
function upTo(
  envelope: Envelope,
  { child: id, generation, taken: upTo }: Message & { readonly type: "rejoined" },
): ReturnType<typeof admit> {
  const child = awaitedChild(envelope, id, generation);
  if (child === undefined) return "fenced";
  const { exchange = fresh } = child;
  if (upTo <= exchange.taken) return "repeated";
  const counted: Child = { ...child, exchange: { ...exchange, taken: upTo } };
  return { ...envelope, children: { ...envelope.children, [id]: counted } };
}

function taken(exchange: Exchange = fresh, number: number): Exchange | "repeated" | "early" {
  if (number <= exchange.taken) return "repeated";
  return number === exchange.taken + 1 ? { ...exchange, taken: number } : "early";
}

/** Number what a step sends to other jobs, and count it in the envelope that the step leads to. */
export function numbered<Stepped extends { envelope: Envelope; effects: readonly Effect[] }>(
  before: Envelope,
  stepped: Stepped,
): Stepped {
  const counts = new Counts(before);
  const effects = stepped.effects.map((effect): Effect => {
    switch (effect.type) {
      case "send":
        if (effect.target.kind === "self") return effect;
        return effect.target.kind === "parent"
          ? { ...effect, number: counts.toParent() }
          : { ...effect, number: counts.toChild(effect.target.generation) };
      case "stop_child":
        return { ...effect, number: counts.toChild(effect.generation) };
      case "finished":
        return effect.parent === undefined ? effect : { ...effect, number: counts.toParent() };
      case "start_child":
      case "set_timer":
      case "clear_timer":
      case "emit":
      case "log":
      case "action":
      case "run_inline":
        return effect;
    }
  });
  return counts.isUntouched
    ? stepped
    : { ...stepped, effects, envelope: counts.countedIn(stepped.envelope) };
}

/** Counts what is sent to each other job, on from what was sent before the step. */
class Counts {
  readonly #before: Envelope;
  readonly #children = new Map<string, number>();
  #parent: number | undefined;

  constructor(before: Envelope) {
    this.#before = before;
  }

  get isUntouched(): boolean {
    return this.#parent === undefined && this.#children.size === 0;
  }

  toParent(): number {
    this.#parent = (this.#parent ?? this.#before.exchange?.sent ?? 0) + 1;
    return this.#parent;
  }

  toChild(generation: string): number {
    const { children, awaiting = {} } = this.#before;
    const before = (): Child | undefined =>
      ownMember(awaiting, generation) ??
      Object.values(children).find((child) => child.generation === generation);
    const number = (this.#children.get(generation) ?? before()?.exchange?.sent ?? 0) + 1;
    this.#children.set(generation, number);
    return number;
  }

  countedIn(envelope: Envelope): Envelope {
    const { exchange = fresh, children, awaiting } = envelope;
    return {
      ...envelope,
      ...(this.#parent !== undefined && { exchange: { ...exchange, sent: this.#parent } }),
      ...(this.#children.size > 0 && { children: this.#counted(children) }),
      ...(this.#children.size > 0 && awaiting && { awaiting: this.#counted(awaiting) }),
    };
  }

  #counted(children: Readonly<Record<string, Child>>): Readonly<Record<string, Child>> {
    return Object.fromEntries(
      Object.entries(children).map(([id, child]) => {
        const sent = this.#children.get(child.generation);
        if (sent === undefined) return [id, child];
        return [id, { ...child, exchange: { ...(child.exchange ?? fresh), sent } }];
      }),
    );
  }
}
