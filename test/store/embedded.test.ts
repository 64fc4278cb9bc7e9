// The embedded store keeps every promise, on a real directory.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { openEmbeddedStore } from "../../src/store/embedded/embedded-store.ts";
import { exerciseStore } from "./conformance.ts";
import { betweenNodes } from "./node-cases.ts";

const directories: string[] = [];
afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
});

exerciseStore({
  name: "embedded",
  skip: Object.fromEntries(
    betweenNodes.map((title) => [title, "one process has the directory, so there is one node"]),
  ),
  open: async (clock) => {
    const directory = await mkdtemp(join(tmpdir(), "avtomatika-store-"));
    directories.push(directory);
    let store = await openEmbeddedStore({ directory, clock });
    return {
      store,
      reopen: async (next) => {
        await store.close();
        return (store = await openEmbeddedStore({ directory, clock: next }));
      },
    };
  },
});
