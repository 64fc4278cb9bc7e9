// Messages that leave a job: kept until somebody says that they have arrived.
import { expect } from "vitest";
import type { Store } from "../../src/store/store.ts";
import type { Cases } from "./conformance.ts";
import { turn } from "./sample.ts";

const send = (store: Store, jobId: string, ids: readonly string[], due: number) =>
  store.commit(
    turn(jobId, 1, {
      ops: ids.map(
        (id) => ({ op: "add_message", message: { id, jobId, body: { to: id } }, due }) as const,
      ),
    }),
  );

export const outboxCases: Cases = {
  "keeps a message from its commit until it is removed": async ({ store }) => {
    await send(store, "j1", ["m1"], 5);
    const kept = { id: "m1", jobId: "j1", body: { to: "m1" }, tries: 0, due: 5 };
    expect((await store.due(10)).messages).toEqual([kept]);
    expect((await store.due(10)).messages).toEqual([kept]);
    await store.removeMessages(["m1"]);
    expect((await store.due(10)).messages).toEqual([]);
  },
  "shows a message when it is due for a sweep, not before": async ({ store, clock }) => {
    await send(store, "j1", ["m1"], store.now() + 1000);
    expect((await store.due(10)).messages).toEqual([]);
    await clock.advance(1000);
    expect((await store.due(10)).messages).toHaveLength(1);
  },
  "counts the tries of a message that is put off": async ({ store, clock }) => {
    const now = store.now();
    await send(store, "j1", ["m1"], now);
    await store.delayMessage("m1", now + 1000);
    expect(await store.due(10)).toMatchObject({ messages: [], next: now + 1000 });
    await clock.advance(1000);
    expect((await store.due(10)).messages).toMatchObject([{ id: "m1", tries: 1, due: now + 1000 }]);
    await store.delayMessage("m1", now + 2000);
    await clock.advance(1000);
    expect((await store.due(10)).messages).toMatchObject([{ tries: 2 }]);
  },
  "gives a message to one of many who found it": async ({ store, clock }) => {
    const until = store.now() + 1000;
    await send(store, "j1", ["m1"], 5);
    const claims = Array.from({ length: 5 }, () => store.claimMessage("m1", 5, until));
    expect((await Promise.all(claims)).filter(Boolean)).toHaveLength(1);
    expect(await store.due(10)).toMatchObject({ messages: [], next: until });
    await clock.advance(1000);
    expect((await store.due(10)).messages).toMatchObject([{ id: "m1", tries: 0 }]);
    expect(await store.claimMessage("m1", 5, until)).toBe(false);
    expect(await store.claimMessage("gone", 5, until)).toBe(false);
  },
  "does nothing about messages that are gone": async ({ store }) => {
    await store.removeMessages(["m1", "m2"]);
    await store.delayMessage("m1", 5);
    expect((await store.due(10)).messages).toEqual([]);
  },
  "removes the named messages only": async ({ store }) => {
    await send(store, "j1", ["m1", "m2", "m3"], 5);
    await store.removeMessages(["m1", "m3"]);
    expect((await store.due(10)).messages.map(({ id }) => id)).toEqual(["m2"]);
  },
};
