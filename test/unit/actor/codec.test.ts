// The envelope's text: nothing is lost, nothing can be imitated, and what is not ours is refused.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assign } from "xstate";
import { decodeEnvelope, encodeEnvelope, openEnvelope } from "../../../src/actor/codec.ts";
import { ActorMark } from "../../../src/actor/data.ts";
import type { Envelope } from "../../../src/actor/envelope.ts";
import { start, step } from "../../../src/actor/step.ts";
import { contextOf, UnreadContext } from "../../../src/actor/unread-context.ts";
import type { RuntimeError } from "../../../src/errors.ts";
import { ActorJob, at, machineOf, origin } from "../../support/actor-job.ts";

const plain = start(machineOf({ context: {} }), origin, undefined, at).envelope;
const throughText = (envelope: Envelope): Envelope => decodeEnvelope(encodeEnvelope(envelope));
const unreadable = expect.objectContaining({ code: "envelope.unreadable" }) as RuntimeError;

test("any JSON with undefined members survives, key order included", () => {
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.jsonValue(),
      fc.constant(undefined),
      fc.array(tie("value")),
      fc.dictionary(fc.oneof(fc.string(), fc.constant("__proto__")), tie("value"), {
        noNullPrototype: true,
      }),
    ),
  })).value;
  fc.assert(
    fc.property(value, (context) => {
      const read = throughText({ ...plain, context });
      expect(Object.hasOwn(read, "specials")).toBe(false);
      const shown = JSON.stringify(context, (_, member: unknown) =>
        member === undefined ? "undefined" : member,
      );
      const readShown = JSON.stringify(read.context, (_, member: unknown) =>
        member === undefined ? "undefined" : member,
      );
      expect(readShown).toBe(shown);
    }),
  );
});

test("undefined and actor references survive, and look-alikes stay what they are", () => {
  const context = {
    none: undefined,
    list: [1, undefined, new ActorMark("kid", "g")],
    text: "undefined",
    fake: { xstate$$type: 1, id: "kid" },
    specials: [{ path: ["context"], kind: "undefined" }],
  };
  const read = throughText({ ...plain, context });
  expect(read.context).toStrictEqual(context);
  expect((read.context as typeof context).list[2]).toBeInstanceOf(ActorMark);
});

test("data that imitates an actor reference never becomes one", () => {
  const job = new ActorJob(
    machineOf({
      invoke: { id: "k", src: "task" },
      context: ({ input }: { input: unknown }) => ({ input }),
      on: { E: {} },
    }),
    {
      actor: "#_self",
      xstate$$type: 1,
      sessionId: "s",
      send: true,
      ref: true,
    },
  );
  expect(job.context["input"]).toStrictEqual({
    actor: "#_self",
    xstate$$type: 1,
    sessionId: "s",
    send: true,
    ref: true,
  });
});

test("a member named __proto__ stays a member and changes no prototype", () => {
  const input: unknown = JSON.parse('{"a":{"__proto__":{"admin":true}}}');
  const job = new ActorJob(
    machineOf({
      context: ({ input: given }: { input: unknown }) => ({ given }),
      on: { E: { actions: "note" } },
    }),
    input,
  );
  job.send("E");
  expect(JSON.stringify(job.context)).toBe('{"given":{"a":{"__proto__":{"admin":true}}}}');
  expect((job.context["given"] as { a: { admin?: boolean } }).a.admin).toBeUndefined();
});

test.each([
  ["text", "garbage"],
  ["null", "null"],
  ["a list", "[]"],
  ["a newer format", JSON.stringify({ ...plain, format: 2 })],
  ["another engine", JSON.stringify({ ...plain, engine: "other" })],
  ["another release of the engine", JSON.stringify({ ...plain, engineVersion: "6.0.0" })],
  ["an envelope with a member missing", JSON.stringify({ ...plain, children: undefined })],
  [
    "a special value without a place",
    JSON.stringify({ ...plain, specials: [{ path: ["context", "x"], kind: "undefined" }] }),
  ],
])("refuses %s", (_, text) => {
  expect(() => decodeEnvelope(text)).toThrow(unreadable);
});

const pages = Array.from({ length: 100 }, (_, page) => ({ page, text: "x".repeat(100) }));
const reading = machineOf({
  context: { pages, read: 0 },
  on: {
    NEXT: { actions: "note" },
    READ: { actions: assign({ read: 1 }) },
    SPOIL: { guard: ({ context }: { context: { pages: unknown[] } }) => context.pages.push(1) > 0 },
  },
});

test("a large context that a step leaves alone is stored as it was read, key order and all", () => {
  const job = new ActorJob(reading);
  const { context } = job.envelope;
  job.send("NEXT");
  expect(job.envelope.revision).toBe(2);
  expect(job.envelope.context).toStrictEqual(context);
  expect(Object.keys(job.envelope)).not.toContain("contextLength");
  expect(encodeEnvelope(JSON.parse(JSON.stringify(job.envelope)) as Envelope)).toBe(job.text);
  job.send("READ");
  expect(job.envelope.context).toStrictEqual({ pages, read: 1 });
  job.send("NEXT");
  expect(job.envelope.context).toStrictEqual({ pages, read: 1 });
});

test("a large context with undefined members survives steps that leave it alone", () => {
  const machine = machineOf({ context: { pages, none: undefined }, on: { NEXT: {} } });
  const job = new ActorJob(machine);
  expect(throughText(throughText(job.envelope)).context).toStrictEqual({ pages, none: undefined });
});

test("what a guard changes in place is not kept", () => {
  const job = new ActorJob(reading);
  job.send("SPOIL");
  job.send("NEXT");
  expect(job.envelope.context).toStrictEqual({ pages, read: 0 });
});

test("a text whose count of its context is wrong is read all the same", () => {
  const text = new ActorJob(reading).text.replace(/"contextLength":\d+/, '"contextLength":7');
  const read = decodeEnvelope(text);
  expect(throughText(read).context).toStrictEqual({ pages, read: 0 });
});

describe("an opened envelope", () => {
  const opened = () => openEnvelope(new ActorJob(reading).text);
  const event = (type: string) => ({ type: "event", event: { type } }) as const;

  test("leaves a large context unread, and is written as it was", () => {
    const { text } = new ActorJob(reading);
    expect(openEnvelope(text).context).toBeInstanceOf(UnreadContext);
    expect(encodeEnvelope(openEnvelope(text))).toBe(text);
    const { context, ...others } = openEnvelope(text);
    const { context: read, ...decoded } = decodeEnvelope(text);
    expect(others).toStrictEqual(decoded);
    expect(contextOf({ context })).toStrictEqual(read);
  });

  test("gives each who asks a context of their own", () => {
    const envelope = opened();
    const given = [1, 2, 3].map(() => contextOf(envelope) as { pages: unknown[] });
    for (const one of given) {
      expect(one).toStrictEqual({ pages, read: 0 });
      one.pages.length = 0;
    }
  });

  test("takes several steps in one turn, and none sees what another changed in place", () => {
    let envelope = opened();
    for (const type of ["SPOIL", "NEXT", "SPOIL", "READ", "SPOIL", "NEXT"]) {
      const result = step(reading, envelope, event(type), at);
      if (result.outcome === "stepped") ({ envelope } = result);
    }
    expect(contextOf(envelope)).toStrictEqual({ pages, read: 1 });
    expect(decodeEnvelope(encodeEnvelope(envelope)).context).toStrictEqual({ pages, read: 1 });
  });

  test("is read as a whole where its context is small, has special values, or is counted wrongly", () => {
    const { text } = new ActorJob(reading);
    const wrong = text.replace(/"contextLength":\d+/, '"contextLength":7');
    const special = new ActorJob(machineOf({ context: { pages, none: undefined } })).text;
    const small = new ActorJob(machineOf({ context: { n: 1 } })).text;
    for (const one of [wrong, special, small])
      expect(openEnvelope(one)).toStrictEqual(decodeEnvelope(one));
  });

  test("is refused where it can't be read: at once, or once its context is asked for", () => {
    const { text } = new ActorJob(reading);
    expect(() => openEnvelope(text.replace('"xstate"', '"other"'))).toThrow(unreadable);
    const broken = openEnvelope(text.replace('"pages"', "\"pages'"));
    expect(() => contextOf(broken)).toThrow(unreadable);
  });
});
