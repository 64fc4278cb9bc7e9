// Large members of a context: where they stand, that they are read only by who needs them, and that nobody can tell.
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assign } from "xstate";
import { decodeEnvelope, encodeEnvelope, openEnvelope } from "../../../src/actor/codec.ts";
import { step } from "../../../src/actor/step.ts";
import { areInPlace, contextOf, largeMembersOf } from "../../../src/actor/unread-context.ts";
import type { RuntimeError } from "../../../src/errors.ts";
import { ActorJob, at, machineOf } from "../../support/actor-job.ts";

const pages = Array.from({ length: 60 }, (_, page) => ({ page, text: "x".repeat(100) }));
const notes = "n".repeat(3000);
const context = { count: 0, pages, name: 'a "name":', notes, last: null };
interface Context {
  seen?: number;
  count: number;
  pages: unknown[];
  notes: string;
}
const machine = machineOf({
  context,
  on: {
    NOTHING: { actions: "note" },
    SHIELD_LOOK: {
      guard: ({ context }: { context: Context }) => {
        try {
          return context.pages.length === 0;
        } catch {
          return true;
        }
      },
      actions: "note",
    },
    COUNT: { actions: assign({ count: ({ context }: { context: Context }) => context.count + 1 }) },
    LOOK: {
      guard: ({ context }: { context: Context }) => context.pages.length === 60,
      actions: "note",
    },
    REPLACE: {
      actions: assign(({ context }: { context: Context }) => {
        context.pages = ["replaced"];
        return { seen: context.pages.length };
      }),
    },
    CLONE: { actions: assign({ copy: ({ context }) => structuredClone(context) as unknown }) },
    WHOLE: { actions: assign({ copy: ({ context }) => context as unknown }) },
  },
});
const text = new ActorJob(machine).text;
const event = (type: string) => ({ type: "event", event: { type } }) as const;
const afterStep = (type: string, of = text) => {
  const result = step(machine, openEnvelope(of), event(type), at);
  if (result.outcome !== "stepped") throw new Error(`${type} was ignored`);
  return decodeEnvelope(encodeEnvelope(result.envelope)).context;
};
test("any members are found in the text of their context", () => {
  const value = fc.oneof(fc.jsonValue(), fc.string({ minLength: 1000, maxLength: 1500 }));
  const members = fc.dictionary(fc.oneof(fc.string(), fc.constant("__proto__")), value, {
    noNullPrototype: true,
    maxKeys: 6,
  });
  fc.assert(
    fc.property(members, (value) => {
      const stored = JSON.stringify(value);
      const large = largeMembersOf(value, stored);
      expect(areInPlace(large, stored)).toBe(true);
      for (const [name, start, length] of large)
        expect(stored.slice(start, start + length)).toBe(JSON.stringify(value[name]));
      const found = new Set(large.map(([name]) => name));
      for (const [name, member] of Object.entries(value))
        expect(found.has(name)).toBe(JSON.stringify(member).length >= 1024);
    }),
  );
});

test("a context of very many members is read as a whole", () => {
  const ofMembers = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, notes]));
  const large = (value: object) => largeMembersOf(value, JSON.stringify(value));
  expect(large(ofMembers(100))).toHaveLength(100);
  expect(large(ofMembers(101))).toEqual([]);
});

test.each([
  ["no list", { pages: [12, 5] }],
  ["no members", ["pages"]],
  ["a name that is none", [[7, 12, 5]]],
  ["a place that is none", [["pages", "12", 5]]],
  ["another place", [["pages", 13, 5]]],
  ["a length that ends elsewhere", [["pages", 9, 4]]],
  ["an end outside", [["pages", 9, 500]]],
  [
    "members in another order",
    [
      ["more", 17, 1],
      ["pages", 9, 1],
    ],
  ],
])("members are not taken to be where they are not: %s", (_, large) => {
  expect(areInPlace(large, '{"pages":7,"more":8}')).toBe(false);
  expect(areInPlace([["pages", 9, 1]], '{"pages":7,"more":8}')).toBe(true);
});

describe("a context with large members", () => {
  test("is the same for whoever looks, whatever was read before", () => {
    const envelope = openEnvelope(text);
    for (let look = 0; look < 3; look++) {
      const given = contextOf(envelope) as Context;
      expect(Object.keys(given)).toEqual(Object.keys(context));
      expect(JSON.stringify(given)).toBe(JSON.stringify(context));
      expect({ ...given }).toStrictEqual(context);
      expect(structuredClone(given)).toStrictEqual(context);
      given.pages.length = 0;
      given.notes = "";
      expect(given).toMatchObject({ pages: [], notes: "" });
    }
  });

  test("is plain data once it is copied, and members that were read or set are plain, too", () => {
    const given = contextOf(openEnvelope(text)) as Context;
    given.notes = "other";
    expect(Object.getOwnPropertyDescriptor(given, "notes")?.value).toBe("other");
    expect(given.pages).toBe(given.pages);
    expect(Object.getOwnPropertyDescriptor(given, "pages")?.value).toStrictEqual(pages);
    expect(Object.getOwnPropertySymbols({ ...given })).toEqual([]);
  });

  test("is read as any other where it has been frozen or sealed", () => {
    for (const close of [Object.freeze, Object.seal, Object.preventExtensions]) {
      const given = contextOf(openEnvelope(text)) as Context;
      close(given);
      expect({ ...given }).toStrictEqual(context);
      expect(given.pages).toBe(given.pages);
      given.pages.push("one more");
      expect(given.pages).toHaveLength(pages.length + 1);
    }
    const frozen = contextOf(openEnvelope(text)) as Context;
    Object.freeze(frozen);
    expect(() => (frozen.notes = "")).toThrow(TypeError);
  });

  test("is shown with its members to who logs it", () => {
    const given = contextOf(openEnvelope(text)) as Context;
    expect(inspect({ given })).toBe(inspect({ given: context }));
    expect(Object.getOwnPropertySymbols({ ...given })).toEqual([]);
  });

  test.each([
    ["NOTHING", context],
    ["COUNT", { ...context, count: 1 }],
    ["LOOK", context],
    ["REPLACE", { ...context, pages: ["replaced"], seen: 1 }],
    ["CLONE", { ...context, copy: context }],
    ["WHOLE", { ...context, copy: context }],
  ])("after %s is what XState makes of it", (type, expected) => {
    expect(afterStep(type)).toStrictEqual(expected);
    expect(afterStep(type, new ActorJob(machine).text)).toStrictEqual(expected);
  });

  test("is read as a whole where its members are said to be elsewhere", () => {
    const shifted = text.replace(
      /"contextLarge":\[\["pages",(\d+)/,
      (_, start) => `"contextLarge":[["pages",${Number(start) + 1}`,
    );
    expect(shifted).not.toBe(text);
    expect(contextOf(openEnvelope(shifted))).toStrictEqual(context);
    expect(Object.keys(openEnvelope(shifted))).not.toContain("contextLarge");
    expect(Object.keys(decodeEnvelope(text))).not.toContain("contextLarge");
  });
});

describe("a damaged member", () => {
  /** A comma in the place of a quotation mark. */
  const damaged = text.replace(`"notes":"n`, `"notes":,n`);
  const unreadable = expect.objectContaining({ code: "envelope.unreadable" }) as RuntimeError;

  test("harms no step that does not need it", () => {
    expect(step(machine, openEnvelope(damaged), event("LOOK"), at)).toMatchObject({
      outcome: "stepped",
    });
  });

  test("is no end of the job whose step needs it: that throws, and the job stays as it is", () => {
    expect(() => step(machine, openEnvelope(damaged), event("COUNT"), at)).toThrow(unreadable);
    const guarded = text.replace(`"pages":[{`, `"pages":[,`);
    expect(() => step(machine, openEnvelope(guarded), event("LOOK"), at)).toThrow(unreadable);
  });

  test("is nothing that code of a step can catch and decide by", () => {
    const guarded = text.replace(`"pages":[{`, `"pages":[,`);
    expect(() => step(machine, openEnvelope(guarded), event("SHIELD_LOOK"), at)).toThrow(
      unreadable,
    );
  });
});
