// A turn is one write: all of it, or nothing when it is late.
import { expect } from "vitest";
import type { Cases } from "./conformance.ts";
import { addTasks, claimOne, newTask, offerTo, turn } from "./sample.ts";

export const commitCases: Cases = {
  "creates a job whose revision is 0": async ({ store }) => {
    const result = await store.commit(turn("j1", 1, { envelope: "opaque\n{text}" }));
    expect(result).toEqual({ outcome: "committed", now: store.now(), leased: [] });
    expect(await store.loadJob("j1")).toEqual({
      summary: turn("j1", 1).summary,
      revision: 1,
      envelope: "opaque\n{text}",
    });
  },
  "knows nothing of a job that was not created": async ({ store }) => {
    expect(await store.loadJob("j1")).toBeUndefined();
    expect(await store.history("j1", 0, 10)).toEqual([]);
    expect(await store.listTasks("j1")).toEqual([]);
    expect(await store.loadTask("j1:a")).toBeUndefined();
  },
  "creates a job once: the same commit again is a conflict that names the revision": async ({
    store,
  }) => {
    const first = turn("j1", 1, { ops: [{ op: "add_task", task: newTask("j1", "a") }] });
    expect(await store.commit(first)).toMatchObject({ outcome: "committed" });
    expect(await store.commit(first)).toEqual({ outcome: "conflict", revision: 1 });
    expect(await store.countQueues()).toEqual({ echo: 1 });
  },
  "takes a job from the revision that was read to the next": async ({ store }) => {
    await store.commit(turn("j1", 1));
    await store.commit(turn("j1", 2, { status: "finished" }));
    expect(await store.loadJob("j1")).toMatchObject({
      revision: 2,
      envelope: '{"at":2}',
      summary: { status: "finished", currentState: "state2" },
    });
  },
  "refuses a turn from an older revision": async ({ store }) => {
    await store.commit(turn("j1", 1));
    await store.commit(turn("j1", 2));
    expect(await store.commit(turn("j1", 2, { status: "failed" }))).toEqual({
      outcome: "conflict",
      revision: 2,
    });
    expect((await store.loadJob("j1"))!.summary.status).toBe("running");
  },
  "refuses a turn from a revision that is not there yet": async ({ store }) => {
    await store.commit(turn("j1", 1));
    expect(await store.commit(turn("j1", 4))).toEqual({ outcome: "conflict", revision: 1 });
  },
  "refuses a turn whose steps were given another epoch": async ({ store }) => {
    await store.commit({ ...turn("j1", 1), epoch: store.epoch() });
    expect(await store.commit({ ...turn("j1", 2), epoch: "another" })).toEqual({
      outcome: "conflict",
      revision: 1,
    });
    expect(await store.commit({ ...turn("j2", 1), epoch: "another" })).toEqual({
      outcome: "conflict",
      revision: 0,
    });
    expect(await store.loadJob("j2")).toBeUndefined();
  },
  "refuses a turn of a job that is not there": async ({ store }) => {
    expect(await store.commit(turn("ghost", 2))).toEqual({ outcome: "conflict", revision: 0 });
    expect(await store.loadJob("ghost")).toBeUndefined();
  },
  "writes nothing of a turn that is refused": async ({ store }) => {
    await store.commit(turn("j1", 1));
    await store.commit(
      turn("j1", 1, {
        ops: [
          { op: "add_task", task: newTask("j1", "a") },
          { op: "set_timer", timerId: "t", due: 0 },
          { op: "add_message", message: { id: "m1", jobId: "j1", body: 1 }, due: 0 },
        ],
      }),
    );
    expect(await store.listTasks("j1")).toEqual([]);
    expect(await store.due(10)).toMatchObject({ timers: [], messages: [] });
    expect(await store.history("j1", 0, 10)).toHaveLength(1);
    expect(await store.countJobs()).toEqual({ running: 1 });
  },
  "lets exactly one of 50 concurrent turns win": async ({ store }) => {
    await store.commit(turn("j1", 1));
    const turns = Array.from({ length: 50 }, (_, n) =>
      store.commit(turn("j1", 2, { envelope: `turn ${n}` })),
    );
    const results = await Promise.all(turns);
    const winner = results.findIndex(({ outcome }) => outcome === "committed");
    expect(results.filter(({ outcome }) => outcome === "committed")).toHaveLength(1);
    expect((await store.loadJob("j1"))!.envelope).toBe(`turn ${winner}`);
  },
  "lets exactly one of 50 concurrent creations win": async ({ store }) => {
    const results = await Promise.all(
      Array.from({ length: 50 }, () => store.commit(turn("j1", 1))),
    );
    expect(results.filter(({ outcome }) => outcome === "committed")).toHaveLength(1);
    expect(await store.countJobs()).toEqual({ running: 1 });
  },
  "commits turns of many jobs at once": async ({ store }) => {
    const ids = Array.from({ length: 200 }, (_, n) => `j${n}`);
    const results = await Promise.all(ids.map((id) => store.commit(turn(id, 1))));
    expect(results.every(({ outcome }) => outcome === "committed")).toBe(true);
    expect(await store.countJobs()).toEqual({ running: 200 });
  },
  "keeps what was committed when the caller changes its objects": async ({ store }) => {
    const params = { list: [1] };
    const task = newTask("j1", "a", { params });
    const committing = store.commit(turn("j1", 1, { ops: [{ op: "add_task", task }] }));
    await committing;
    params.list.push(2);
    expect((await store.loadTask("j1:a"))!.params).toEqual({ list: [1] });
    ((await store.loadTask("j1:a"))!.params as { list: number[] }).list.push(3);
    expect((await store.loadTask("j1:a"))!.params).toEqual({ list: [1] });
  },
  "keeps one history entry for each revision, also where a turn takes several": async ({
    store,
  }) => {
    await store.commit(turn("j1", 1));
    await store.commit(turn("j1", 4, { expectedRevision: 1 }));
    const entries = await store.history("j1", 0, 10);
    expect(entries.map(({ revision }) => revision)).toEqual([1, 2, 3, 4]);
    expect(entries[2]).toEqual(turn("j1", 4, { expectedRevision: 1 }).history[1]);
  },
  "takes a turn of ten thousand steps, of a new job and of one that is there": async ({
    store,
  }) => {
    const steps = 10_000;
    for (const before of [0, steps]) {
      const long = turn("j1", before + steps, { expectedRevision: before });
      expect(await store.commit(long)).toMatchObject({ outcome: "committed" });
      expect(await store.loadJob("j1")).toMatchObject({ revision: before + steps });
      expect(await store.history("j1", before, 2 * steps)).toEqual(long.history);
    }
  },
  "throws, and writes nothing, where an entry of the history is missing": async ({ store }) => {
    await expect(store.commit({ ...turn("j1", 1), history: [] })).rejects.toThrow(/history entry/);
    expect(await store.loadJob("j1")).toBeUndefined();
  },
  "keeps the other turns when one of the same moment throws": async ({ store }) => {
    const turns = ["j1", "j2", "j3"].map((id) => turn(id, 1));
    const bad = { ...turn("bad", 1), history: [] };
    const results = await Promise.allSettled(
      [...turns, bad].toReversed().map((t) => store.commit(t)),
    );
    expect(results.map(({ status }) => status)).toEqual([
      "rejected",
      ...Array(3).fill("fulfilled"),
    ]);
    expect(await store.countJobs()).toEqual({ running: 3 });
  },
  "reads history in pages, oldest first": async ({ store }) => {
    for (let revision = 1; revision <= 12; revision++) await store.commit(turn("j1", revision));
    await store.commit(turn("j10", 1));
    const page = await store.history("j1", 3, 4);
    expect(page.map(({ revision }) => revision)).toEqual([4, 5, 6, 7]);
    expect((await store.history("j1", 9, 100)).map(({ revision }) => revision)).toEqual([
      10, 11, 12,
    ]);
    expect(await store.history("j1", 12, 100)).toEqual([]);
  },
  "fences the whole turn when a finished task's attempt is not current": async ({ store }) => {
    await addTasks(store, "j1", ["a"]);
    await claimOne(store);
    const late = turn("j1", 2, {
      status: "finished",
      ops: [
        { op: "set_timer", timerId: "t", due: 0 },
        { op: "finish_task", taskId: "j1:a", attempt: 2 },
      ],
    });
    expect(await store.commit(late)).toEqual({ outcome: "fenced", taskId: "j1:a" });
    expect(await store.loadJob("j1")).toMatchObject({ revision: 1 });
    expect(await store.countJobs()).toEqual({ running: 1 });
    expect((await store.due(10)).timers).toEqual([]);
    expect((await store.loadTask("j1:a"))!.state).toBe("leased");
  },
  "answers conflict rather than fenced where both are true": async ({ store }) => {
    await store.commit(turn("j1", 1));
    const ops = [{ op: "finish_task", taskId: "j1:a", attempt: 1 }] as const;
    expect(await store.commit(turn("j1", 3, { ops }))).toEqual({
      outcome: "conflict",
      revision: 1,
    });
  },
  "gives a key to the first who claims it": async ({ store }) => {
    expect(await store.claimKey("order 7", "j1", 1000)).toBe("j1");
    expect(await store.claimKey("order 7", "j2", 1000)).toBe("j1");
    expect(await store.claimKey("order 8", "j2", 1000)).toBe("j2");
  },
  "gives a key to one of 50 who claim it at once": async ({ store }) => {
    const claims = Array.from({ length: 50 }, (_, n) => store.claimKey("order 7", `j${n}`, 1000));
    expect(new Set(await Promise.all(claims)).size).toBe(1);
  },
  "tells keys of any length and any characters apart": async ({ store }) => {
    const long = "k".repeat(5000);
    expect(await store.claimKey(`${long}1`, "j1", 1000)).toBe("j1");
    expect(await store.claimKey(`${long}2`, "j2", 1000)).toBe("j2");
    expect(await store.claimKey(`${long}1`, "j3", 1000)).toBe("j1");
    expect(await store.claimKey("ключ \0 🔑", "j4", 1000)).toBe("j4");
    expect(await store.claimKey("ключ \0 🗝", "j5", 1000)).toBe("j5");
  },
  "applies the ops of a turn in order": async ({ store }) => {
    const result = await store.commit(
      turn("j1", 1, {
        ops: [
          { op: "add_task", task: newTask("j1", "a"), offer: offerTo("h1") },
          { op: "remove_task", taskId: "j1:a" },
          { op: "add_task", task: newTask("j1", "b"), offer: offerTo("h1") },
          { op: "set_timer", timerId: "t", due: 5 },
          { op: "clear_timer", timerId: "t" },
          { op: "set_timer", timerId: "t", due: 7 },
        ],
      }),
    );
    expect(result).toMatchObject({ outcome: "committed" });
    expect((await store.listTasks("j1")).map(({ child }) => child)).toEqual(["b"]);
    expect((await store.due(10)).timers).toEqual([{ timerId: "t", jobId: "j1", due: 7 }]);
  },
};
