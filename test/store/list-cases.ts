// Lists and counts of jobs.
import { expect } from "vitest";
import type { JobQuery, Store } from "../../src/store/store.ts";
import type { Cases } from "./conformance.ts";
import { turn } from "./sample.ts";

/** All ids of a list, page by page. */
async function walk(store: Store, query: JobQuery): Promise<string[]> {
  const ids: string[] = [];
  let page = await store.listJobs(query);
  for (;;) {
    ids.push(...page.jobs.map(({ jobId }) => jobId));
    if (page.next === undefined) return ids;
    page = await store.listJobs({ ...query, cursor: page.next });
  }
}

export const listCases: Cases = {
  "lists nothing at first": async ({ store }) => {
    expect(await store.listJobs({ limit: 10 })).toEqual({ jobs: [] });
    expect(await store.countJobs()).toEqual({});
  },
  "lists jobs newest first": async ({ store }) => {
    await store.commit(turn("j2", 1, { createdAt: 2000 }));
    await store.commit(turn("j1", 1, { createdAt: 3000 }));
    await store.commit(turn("j3", 1, { createdAt: 1000 }));
    const { jobs } = await store.listJobs({ limit: 10 });
    expect(jobs.map(({ jobId }) => jobId)).toEqual(["j1", "j2", "j3"]);
    expect(jobs[0]).toEqual(turn("j1", 1, { createdAt: 3000 }).summary);
  },
  "lists every job once, page by page, also those created at once": async ({ store }) => {
    const ids = Array.from({ length: 23 }, (_, n) => `j${String(n).padStart(2, "0")}`);
    for (const [n, id] of ids.entries())
      await store.commit(
        turn(id, 1, {
          createdAt: 1000 + Math.floor(n / 4),
          blueprint: n % 3 ? "order" : "refund",
          status: n % 2 ? "running" : "finished",
        }),
      );
    for (const limit of [1, 4, 7, 23, 100])
      expect(await walk(store, { limit })).toEqual(ids.toReversed());
  },
  "gives no next page after the last": async ({ store }) => {
    for (const id of ["j1", "j2"]) await store.commit(turn(id, 1));
    expect(await store.listJobs({ limit: 2 })).not.toHaveProperty("next");
    expect(await store.listJobs({ limit: 1 })).toHaveProperty("next");
  },
  "goes on where a page ended while newer jobs come in": async ({ store }) => {
    for (const n of [1, 2, 3, 4]) await store.commit(turn(`j${n}`, 1, { createdAt: n }));
    const first = await store.listJobs({ limit: 2 });
    await store.commit(turn("j9", 1, { createdAt: 9 }));
    const second = await store.listJobs({ limit: 2, cursor: first.next! });
    expect(second.jobs.map(({ jobId }) => jobId)).toEqual(["j2", "j1"]);
  },
  "lists by blueprint, by status, and by both": async ({ store }) => {
    await store.commit(turn("j1", 1, { blueprint: "order" }));
    await store.commit(turn("j2", 1, { blueprint: "refund" }));
    await store.commit(turn("j3", 1, { blueprint: "order", status: "failed" }));
    await store.commit(turn("j4", 1, { blueprint: "orders" }));
    expect(await walk(store, { limit: 1, blueprint: "order" })).toEqual(["j3", "j1"]);
    expect(await walk(store, { limit: 1, status: "running" })).toEqual(["j4", "j2", "j1"]);
    expect(await walk(store, { limit: 1, blueprint: "order", status: "failed" })).toEqual(["j3"]);
    expect(await walk(store, { limit: 1, blueprint: "order", status: "finished" })).toEqual([]);
    expect(await walk(store, { limit: 1, blueprint: "nobody" })).toEqual([]);
  },
  "moves a job between lists as its status changes": async ({ store }) => {
    await store.commit(turn("j1", 1));
    await store.commit(turn("j1", 2, { status: "waiting_for_worker" }));
    await store.commit(turn("j1", 3, { status: "finished" }));
    expect(await walk(store, { limit: 5, status: "running" })).toEqual([]);
    expect(await walk(store, { limit: 5, status: "finished" })).toEqual(["j1"]);
    expect(await walk(store, { limit: 5 })).toEqual(["j1"]);
    expect(await store.countJobs()).toEqual({ finished: 1 });
  },
  "counts jobs by status": async ({ store }) => {
    await store.commit(turn("j1", 1));
    await store.commit(turn("j2", 1, { blueprint: "refund" }));
    await store.commit(turn("j3", 1, { status: "quarantined" }));
    expect(await store.countJobs()).toEqual({ running: 2, quarantined: 1 });
  },
  "shows the summary of the latest revision": async ({ store }) => {
    await store.commit(turn("j1", 1));
    await store.commit(turn("j1", 2));
    expect((await store.listJobs({ limit: 1 })).jobs[0]).toMatchObject({ currentState: "state2" });
  },
  "refuses a cursor that no page ended with": async ({ store }) => {
    for (const cursor of ["", "nonsense", "-", "!!-j1"])
      await expect(store.listJobs({ limit: 1, cursor })).rejects.toMatchObject({
        code: "request.invalid",
      });
  },
};
