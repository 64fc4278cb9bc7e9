// The memory store keeps every promise, its data as an image that the next life begins with.
import { expect, test } from "vitest";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { exerciseStore } from "./conformance.ts";
import { turn } from "./sample.ts";

exerciseStore({
  name: "memory",
  open: async (clock) => {
    let store = new MemoryStore({ clock, shared: true });
    return {
      store,
      join: async (nodeId) => store.as(nodeId),
      reopen: async (next) => {
        const image = store.snapshot();
        await store.close();
        return (store = new MemoryStore({ clock: next, image }));
      },
    };
  },
});

test("a memory store is rewound to an image, under another epoch, and the image stays as it was", async () => {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock, epoch: "e1" });
  await store.commit(turn("j1", 1));
  const image = store.snapshot();
  await store.commit(turn("j1", 2));
  const rewound = new MemoryStore({ clock, image });
  expect(rewound.epoch()).not.toBe("e1");
  expect(await rewound.loadJob("j1")).toMatchObject({ revision: 1 });
  await rewound.commit(turn("j1", 2, { status: "failed" }));
  expect(await new MemoryStore({ clock, image }).loadJob("j1")).toMatchObject({ revision: 1 });
});
