// What is kept of versions of blueprints.
import { expect } from "vitest";
import type { Store } from "../../src/store/store.ts";
import type { Cases } from "./conformance.ts";

const kept = async ({ shapes }: Store) => Object.fromEntries(await shapes.all());

export const shapeCases: Cases = {
  "keeps a row for each version, as it was given": async ({ store }) => {
    expect(await kept(store)).toEqual({});
    const long = JSON.stringify({ states: "é\n\0".repeat(50_000) });
    expect(await store.shapes.swap("order@1", undefined, long)).toBe(long);
    expect(await store.shapes.swap("order@1.0+a", undefined, "{}")).toBe("{}");
    expect(await kept(store)).toEqual({ "order@1": long, "order@1.0+a": "{}" });
  },
  "puts a row only in place of the one that is thought to be there": async ({ store }) => {
    await store.shapes.swap("a@1", undefined, "one");
    expect(await store.shapes.swap("a@1", undefined, "two")).toBe("one");
    expect(await store.shapes.swap("a@1", "other", "two")).toBe("one");
    expect(await store.shapes.swap("a@1", "one", "two")).toBe("two");
    expect(await store.shapes.swap("a@2", "one", "two")).toBe(undefined);
    expect(await kept(store)).toEqual({ "a@1": "two" });
  },
  "puts the same row again without a change": async ({ store }) => {
    await store.shapes.swap("a@1", undefined, "one");
    expect(await store.shapes.swap("a@1", undefined, "one")).toBe("one");
    expect(await store.shapes.swap("a@1", "one", "one")).toBe("one");
    expect(await kept(store)).toEqual({ "a@1": "one" });
  },
  "forgets the row that is named, and no later one": async ({ store }) => {
    await store.shapes.swap("a@1", undefined, "one");
    await store.shapes.swap("a@1", "one", "two");
    expect(await store.shapes.swap("a@1", "one", undefined)).toBe("two");
    expect(await store.shapes.swap("a@1", "two", undefined)).toBe(undefined);
    expect(await kept(store)).toEqual({});
  },
  "lets one of many nodes win that put a row at once": async ({ store }) => {
    const rows = Array.from({ length: 10 }, (_, n) => `row ${n}`);
    const answers = await Promise.all(rows.map((row) => store.shapes.swap("a@1", undefined, row)));
    expect(new Set(answers).size).toBe(1);
    expect(await kept(store)).toEqual({ "a@1": answers[0] });
  },
  "keeps rows over the end of the process": async ({ store, reopen }) => {
    await store.shapes.swap("a@1", undefined, "one");
    expect(await kept(await reopen())).toEqual({ "a@1": "one" });
  },
  "refuses both once it has been closed": async ({ store }) => {
    await store.close();
    await expect(store.shapes.all()).rejects.toMatchObject({ code: "store.closed" });
    await expect(store.shapes.swap("a@1", undefined, "one")).rejects.toMatchObject({
      code: "store.closed",
    });
  },
};
