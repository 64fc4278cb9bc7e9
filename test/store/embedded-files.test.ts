// What the embedded store finds in its directory: damaged data is refused with words, never with a crash.
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  open as openFile,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open as openDatabase } from "lmdb";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { openEmbeddedStore } from "../../src/store/embedded/embedded-store.ts";
import { turn } from "./sample.ts";

let root: string;
let directory: string;
let file: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "avtomatika-store-"));
  directory = join(root, "data");
  file = join(directory, "data.mdb");
});
afterEach(() => rm(root, { recursive: true }));

const open = (path = directory) => openEmbeddedStore({ directory: path, clock: systemClock });

/** A directory with `jobs` jobs in it, closed. */
async function fill(jobs: number): Promise<void> {
  const store = await open();
  const envelope = "x".repeat(3000);
  const turns = Array.from({ length: jobs }, (_, n) => turn(`j${n}`, 1, { envelope }));
  await Promise.all(turns.map((commit) => store.commit(commit)));
  await store.close();
}

async function overwrite(bytes: Buffer, at: number): Promise<void> {
  const handle = await openFile(file, "r+");
  await handle.write(bytes, 0, bytes.length, at);
  await handle.close();
}

test("makes a directory that is not there", async () => {
  await (await open(join(root, "a", "b"))).close();
  expect((await stat(join(root, "a", "b", "data.mdb"))).isFile()).toBe(true);
});

test("starts anew with an empty file, which a crash at the very beginning leaves", async () => {
  await mkdir(directory);
  await writeFile(file, "");
  await (await open()).close();
});

test("refuses a file of something else", async () => {
  await mkdir(directory);
  await writeFile(file, Buffer.alloc(64 * 1024, "not a database, "));
  await expect(open()).rejects.toMatchObject({
    code: "store.corrupt",
    message: expect.stringMatching(/backup/),
  });
});

test("refuses a file that ends before its first pages do", async () => {
  await fill(1);
  for (const bytes of [1, 100, 168, 4095, 4096, 5000]) {
    await truncate(file, bytes);
    await expect(open()).rejects.toMatchObject({ code: "store.corrupt" });
    await rm(directory, { recursive: true });
    await fill(1);
  }
});

test("refuses a file of which the end is missing, and the process lives", async () => {
  await fill(300);
  const { size } = await stat(file);
  for (const bytes of [8192, size / 2, size * 0.9]) {
    await truncate(file, Math.floor(bytes));
    await expect(open()).rejects.toMatchObject({
      code: "store.corrupt",
      message: expect.stringContaining(directory),
    });
  }
});

test("opens a file whose free last pages were never written", async () => {
  await fill(300);
  const { size } = await stat(file);
  // The meta page of the latest transaction says that one page more is in use than the file has.
  const metas = await readFile(file);
  for (const offset of [0, 4096]) {
    const pages = Buffer.alloc(8);
    pages.writeBigUInt64LE(BigInt(size / 4096));
    expect(metas.readBigUInt64LE(offset + 144)).toBeLessThan(BigInt(size / 4096));
    await overwrite(pages, offset + 144);
  }
  const store = await open();
  expect(await store.countJobs()).toEqual({ running: 300 });
  await store.close();
});

test("refuses a file whose first page was overwritten", async () => {
  await fill(1);
  await overwrite(Buffer.alloc(200, 0xff), 0);
  await expect(open()).rejects.toMatchObject({ code: "store.corrupt" });
});

test("refuses a newer format, and changes nothing", async () => {
  await fill(1);
  const database = openDatabase<string, string[]>({
    path: directory,
    encoding: "string",
    overlappingSync: false,
  });
  await database.put(["m", "format"], "2");
  await database.close();
  const before = await readFile(file);
  await expect(open()).rejects.toMatchObject({
    code: "store.format_newer",
    message: expect.stringMatching(/format 2/),
  });
  expect((await readFile(file)).equals(before)).toBe(true);
});

test("refuses a database of something else, and changes nothing", async () => {
  const database = openDatabase<string, string[]>({
    path: directory,
    encoding: "string",
    overlappingSync: false,
  });
  await database.put(["their", "key"], "value");
  await database.close();
  await expect(open()).rejects.toMatchObject({ code: "store.corrupt" });
});

test("refuses a directory that is a file", async () => {
  await writeFile(directory, "");
  await expect(open()).rejects.toMatchObject({
    code: "store.unusable",
    message: expect.stringContaining(directory),
  });
  await expect(open(join(directory, "below"))).rejects.toMatchObject({ code: "store.unusable" });
});

test.skipIf(process.getuid?.() === 0)("refuses a directory that cannot be written", async () => {
  await mkdir(directory);
  await chmod(directory, 0o500);
  await expect(open()).rejects.toMatchObject({ code: "store.unusable" });
});

test("can be opened after a refusal, once the cause is gone", async () => {
  await mkdir(directory);
  await writeFile(file, "garbage");
  await expect(open()).rejects.toMatchObject({ code: "store.corrupt" });
  await rm(file);
  await (await open()).close();
});

test("a restored backup has the data of then and an epoch of its own", async () => {
  await fill(2);
  await cp(directory, join(root, "backup"), { recursive: true });
  const store = await open();
  const epochs = [store.epoch()];
  await store.commit(turn("j0", 2));
  await store.close();
  const restored = await open(join(root, "backup"));
  epochs.push(restored.epoch());
  expect(await restored.loadJob("j0")).toMatchObject({ revision: 1 });
  await restored.close();
  expect(new Set(epochs).size).toBe(2);
});

test("a key that is too long for LMDB fails its own turn and no other", async () => {
  const store = await open();
  const ops = [{ op: "set_timer", timerId: "t".repeat(4000), due: 5 }] as const;
  const results = await Promise.allSettled([
    store.commit(turn("j1", 1)),
    store.commit(turn("j2", 1, { ops })),
    store.commit(turn("j3", 1)),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(await store.loadJob("j2")).toBeUndefined();
  expect(await store.countJobs()).toEqual({ running: 2 });
  await store.close();
});

test("says of a damaged row that it is damaged, to whoever asks for it, and serves the others", async () => {
  await fill(200);
  const at = (await readFile(file)).indexOf('{"jobId":"j77"');
  await overwrite(Buffer.from("damage"), at);
  const store = await open();
  const damaged = { code: "store.corrupt", message: expect.stringContaining("it is damaged") };
  await expect(store.loadJob("j77")).rejects.toMatchObject(damaged);
  await expect(store.listJobs({ limit: 200 })).rejects.toMatchObject(damaged);
  await expect(store.commit(turn("j77", 2))).rejects.toMatchObject(damaged);
  expect(await store.loadJob("j78")).toMatchObject({ revision: 1 });
  expect(await store.commit(turn("j78", 2))).toMatchObject({ outcome: "committed" });
  await store.close();
});
