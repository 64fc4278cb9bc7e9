// The promises of a store, proven the same way for every backend. A new backend is one call of exerciseStore.
import { afterEach, beforeEach, describe, test } from "vitest";
import type { Clock } from "../../src/clock.ts";
import type { Store } from "../../src/store/store.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { commitCases } from "./commit-cases.ts";
import { dueCases } from "./due-cases.ts";
import { keyCases } from "./key-cases.ts";
import { lifeCases } from "./life-cases.ts";
import { listCases } from "./list-cases.ts";
import { nodeCases } from "./node-cases.ts";
import { outboxCases } from "./outbox-cases.ts";
import { queueCases } from "./queue-cases.ts";
import { shapeCases } from "./shape-cases.ts";
import { taskCases } from "./task-cases.ts";
import { wholeJobCases } from "./whole-job-cases.ts";

export interface OpenedStore {
  readonly store: Store;
  /** Open the same storage as another node. Without it, the storage has one node. */
  readonly join?: (nodeId: string) => Promise<Store>;
  /** Close the store and open what it kept. Without it, the store keeps nothing. */
  readonly reopen?: (clock: Clock) => Promise<Store>;
}

export interface Backend {
  readonly name: string;
  /** Open an empty store. */
  readonly open: (clock: Clock) => Promise<OpenedStore>;
  /** Promises this backend does not keep, each with its reason. */
  readonly skip?: Readonly<Record<string, string>>;
}

/** What a case gets: an empty store, its clock, and a way to close and open it again. */
export interface Bench {
  readonly store: Store;
  readonly clock: FakeClock;
  readonly reopen: (clock?: Clock) => Promise<Store>;
  readonly join: (nodeId: string) => Promise<Store>;
}

/** Titles are facts about every store. */
export type Cases = Readonly<Record<string, (bench: Bench) => Promise<void>>>;

export function exerciseStore({ name, open, skip = {} }: Backend): void {
  let bench: Bench;
  let current: Store;
  const exercise = (cases: Cases) => {
    for (const [title, body] of Object.entries(cases))
      if (title in skip) test.skip(`${title} (${skip[title]})`, () => body(bench));
      else test(title, () => body(bench));
  };

  describe(`${name} store`, () => {
    beforeEach(async () => {
      const clock = new FakeClock();
      const { store, reopen, join } = await open(clock);
      current = store;
      bench = {
        store,
        clock,
        reopen: async (next = clock) => {
          if (!reopen) throw new Error(`The ${name} store keeps nothing.`);
          return (current = await reopen(next));
        },
        join: (nodeId) => {
          if (!join) throw new Error(`The ${name} store has one node.`);
          return join(nodeId);
        },
      };
    });
    afterEach(() => current.close());

    describe("commits", () => exercise(commitCases));
    describe("tasks", () => exercise(taskCases));
    describe("queues", () => exercise(queueCases));
    describe("due", () => exercise(dueCases));
    describe("keys", () => exercise(keyCases));
    describe("outbox", () => exercise(outboxCases));
    describe("lists", () => exercise(listCases));
    describe("shapes", () => exercise(shapeCases));
    describe("whole jobs", () => exercise(wholeJobCases));
    describe("lives", () => exercise(lifeCases));
    describe("nodes", () => exercise(nodeCases));
  });
}
