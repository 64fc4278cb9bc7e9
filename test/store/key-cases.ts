// Idempotency keys: kept for as long as their jobs are there, and for a time at least.
import { expect } from "vitest";
import type { Store } from "../../src/store/store.ts";
import type { Cases } from "./conformance.ts";
import { turn } from "./sample.ts";

const listed = async (store: Store) => (await store.listKeys(100)).keys.map(({ key }) => key);

export const keyCases: Cases = {
  "gives a key away again once its time is over, if its job is not there": async ({
    store,
    clock,
  }) => {
    expect(await store.claimKey("k", "j1", 1000)).toBe("j1");
    await clock.advance(999);
    expect(await store.claimKey("k", "j2", 1000)).toBe("j1");
    expect(await listed(store)).toEqual(["k"]);
    await clock.advance(1);
    expect(await listed(store)).toEqual([]);
    expect(await store.claimKey("k", "j2", 1000)).toBe("j2");
    expect(await store.claimKey("k", "j3", 1000)).toBe("j2");
  },
  "gives a key that is over to one of 20 who claim it at once": async ({ store, clock }) => {
    await store.claimKey("k", "j", 1000);
    await clock.advance(1000);
    const claims = Array.from({ length: 20 }, (_, n) => store.claimKey("k", `j${n}`, 1000));
    const first = new Set(await Promise.all(claims));
    expect(first.size).toBe(1);
    expect(first).not.toContain("j");
  },
  "keeps a key for as long as its job is there": async ({ store, clock }) => {
    await store.claimKey("k", "j1", 1000);
    await store.commit(turn("j1", 1));
    for (let days = 0; days < 3; days++) {
      await clock.advance(5000);
      // Others claim keys meanwhile, and look at those whose time is over.
      for (const other of ["a", "b", "c"]) await store.claimKey(`${other}${days}`, "j0", 10_000);
      expect(await store.claimKey("k", "j2", 1000)).toBe("j1");
      expect(await listed(store)).toContain("k");
    }
    await store.commit(turn("j1", 2, { status: "finished" }));
    await store.removeJob("j1");
    expect(await listed(store)).not.toContain("k");
    expect(await store.claimKey("k", "j2", 1000)).toBe("j2");
  },
  "keeps a key for its time though its job is gone": async ({ store, clock }) => {
    await store.claimKey("k", "j1", 1000);
    await store.commit(turn("j1", 1, { status: "finished" }));
    await store.removeJob("j1");
    await clock.advance(999);
    expect(await store.claimKey("k", "j2", 1000)).toBe("j1");
    await clock.advance(1);
    expect(await store.claimKey("k", "j2", 1000)).toBe("j2");
  },
  "keeps the time of keys over a restart": async ({ store, clock, reopen }) => {
    await store.claimKey("k", "j1", 1000);
    const next = await reopen();
    expect(await next.claimKey("k", "j2", 1000)).toBe("j1");
    await clock.advance(2000);
    expect(await next.claimKey("k", "j2", 1000)).toBe("j2");
  },
};
