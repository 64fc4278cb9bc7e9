// What the store keeps of versions, where nodes are in each other's way and where there is much.
import { pino } from "pino";
import { beforeEach, expect, test } from "vitest";
import type { Blueprint } from "../../../src/blueprint/blueprint.ts";
import { encodeVersion } from "../../../src/blueprint/kept-version.ts";
import { BlueprintRegistry } from "../../../src/blueprint/registry.ts";
import { keepVersions } from "../../../src/runtime/kept-versions.ts";
import { MemoryStore } from "../../../src/store/memory/memory-store.ts";
import type { Shapes } from "../../../src/store/shapes.ts";
import type { Store } from "../../../src/store/store.ts";
import { turn } from "../../store/sample.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { charging, ends, first, made } from "../../support/order-versions.ts";

const changed = made("1", { initial: "charging", states: { charging, ...ends } });
const second = made("2", { initial: "charging", states: { charging, ...ends } });

let store: MemoryStore;
let messages: string[];
beforeEach(() => {
  store = new MemoryStore({ clock: new FakeClock(), shared: true });
  messages = [];
});

function keep(over: Pick<Store, "nodes">, shapes: Shapes, ...served: readonly Blueprint[]) {
  const blueprints = new BlueprintRegistry();
  for (const one of served) blueprints.register(one);
  const log = pino(
    { level: "info" },
    { write: (line) => void messages.push((JSON.parse(line) as { msg: string }).msg) },
  );
  const part: Store = Object.assign(Object.create(store) as MemoryStore, {
    nodes: over.nodes,
    shapes,
    listJobs: store.listJobs.bind(store),
  });
  return keepVersions({ store: part, blueprints, log, changed: "refuse" });
}

/** Shapes in which another node does something between the first reading and the first writing. */
function interrupted(meanwhile: () => Promise<unknown>): Shapes {
  let isFirst = true;
  return {
    async all() {
      const kept = await store.shapes.all();
      if (isFirst) {
        isFirst = false;
        await meanwhile();
      }
      return kept;
    },
    swap: (...swap) => store.shapes.swap(...swap),
  };
}

test("a node that finds itself beaten to a version by another shape of it is refused", async () => {
  const [a, b] = [store.as("a"), store.as("b")];
  const shapes = interrupted(() => keep(a, a.shapes, first));
  await expect(keep(b, shapes, changed)).rejects.toMatchObject({
    code: "blueprint.shape_changed",
    details: { node: "a" },
  });
  expect((await store.shapes.all()).get("order@1")).toBe(encodeVersion(first));
});

test("a node that finds itself beaten to the same shape starts", async () => {
  const [a, b] = [store.as("a"), store.as("b")];
  await keep(
    b,
    interrupted(() => keep(a, a.shapes, first)),
    first,
  );
  expect(messages).toEqual([]);
});

test("a version that is not served is kept where there are too many jobs to look through", async () => {
  const one = store.as("one");
  await keep(one, store.shapes, second);
  const many = Array.from({ length: 10_001 }, (_, n) => turn(`j${n}`, 1, { blueprint: "order" }));
  for (const commit of many) await store.commit(commit);
  await keep(one, store.shapes);
  expect([...(await store.shapes.all()).keys()]).toEqual(["order@2"]);
  await store.commit(turn("j0", 2, { blueprint: "order", status: "cancelled" }));
  await store.commit(turn("j1", 2, { blueprint: "order", status: "cancelled" }));
  await store.removeJob("j0");
  await store.removeJob("j1");
  await keep(one, store.shapes);
  expect([...(await store.shapes.all()).keys()]).toEqual([]);
  expect(messages).toEqual(["a version is forgotten that nothing needs"]);
});
