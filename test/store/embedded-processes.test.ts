// The embedded store among processes: what is acknowledged survives kill -9, and a directory has one server at a time.
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { openEmbeddedStore } from "../../src/store/embedded/embedded-store.ts";
import { StoreProcess } from "../support/store-process.ts";
import { turn } from "./sample.ts";

let root: string;
let directory: string;
const processes: StoreProcess[] = [];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "avtomatika-store-"));
  directory = join(root, "data");
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((process) => process.kill()));
  await rm(root, { recursive: true });
});

function start(verb: "hold" | "commit" | "fill", fileBlocksMax?: number): StoreProcess {
  const process = new StoreProcess(verb, directory, fileBlocksMax);
  processes.push(process);
  return process;
}
const open = () => openEmbeddedStore({ directory, clock: systemClock });
const sockets = async () => (await readdir(directory)).filter((file) => file.endsWith(".sock"));

test("every turn that was acknowledged before kill -9 is there afterwards, with its history", async () => {
  const next: Record<string, number> = { j1: 1, j2: 1, j3: 1 };
  const writer = start("commit");
  await writer.go();
  await writer.printed(150);
  await writer.kill();
  for (const line of writer.lines) {
    const [outcome, jobId, revision] = line.split(" ");
    if (outcome !== "committed") continue;
    expect(Number(revision)).toBe(next[jobId!]);
    next[jobId!] = Number(revision) + 1;
  }
  const store = await open();
  for (const [jobId, unacknowledged] of Object.entries(next)) {
    const { revision } = (await store.loadJob(jobId))!;
    expect(unacknowledged).toBeGreaterThan(10);
    // A turn may have become durable just before the kill, unheard.
    expect([unacknowledged - 1, unacknowledged]).toContain(revision);
    const history = await store.history(jobId, 0, revision + 1);
    expect(history.map((entry) => entry.revision)).toEqual(
      Array.from({ length: revision }, (_, index) => index + 1),
    );
  }
  expect(await store.countJobs()).toEqual({ running: 3 });
  await store.close();
});

test("refuses a directory that another process holds, and gives it when that has let go", async () => {
  const holder = start("hold");
  await holder.go();
  await holder.line("open");
  await expect(open()).rejects.toMatchObject({
    code: "store.in_use",
    message: expect.stringContaining(directory),
  });
  await holder.end();
  await (await open()).close();
  expect(await sockets()).toEqual([]);
});

test("gives the directory of a holder that was killed with -9, and removes its socket", async () => {
  const holder = start("hold");
  await holder.go();
  await holder.line("open");
  await holder.kill();
  expect(await sockets()).toHaveLength(1);
  const store = await open();
  expect(await sockets()).toHaveLength(1);
  await store.close();
  expect(await sockets()).toEqual([]);
});

test("gives a directory whose holder's socket is gone, as after a container was replaced", async () => {
  const holder = start("hold");
  await holder.go();
  await holder.line("open");
  await holder.kill();
  for (const socket of await sockets()) await rm(join(directory, socket));
  await (await open()).close();
});

test("lets exactly one of six processes win that find a dead holder at once", async () => {
  const dead = start("hold");
  await dead.go();
  await dead.line("open");
  await dead.kill();
  const racers = Array.from({ length: 6 }, () => start("hold"));
  await Promise.all(racers.map((racer) => racer.line("ready")));
  await Promise.all(racers.map((racer) => racer.go()));
  const answers = await Promise.all(racers.map((racer) => racer.line("open", "refused", "failed")));
  const refused = Array.from({ length: 5 }, () => "refused store.in_use");
  expect(answers.toSorted()).toEqual([expect.stringMatching(/^open/), ...refused]);
  await expect(open()).rejects.toMatchObject({ code: "store.in_use" });
});

test("refuses a second opening by the same process, and goes on with the first", async () => {
  const store = await open();
  await expect(open()).rejects.toMatchObject({ code: "store.in_use" });
  expect(await store.commit(turn("j1", 1))).toMatchObject({ outcome: "committed" });
  await store.close();
  const again = await open();
  expect(await again.loadJob("j1")).toMatchObject({ revision: 1 });
  await again.close();
});

test("lets one of several openings of the same moment win", async () => {
  const results = await Promise.allSettled([open(), open(), open()]);
  const won = results.filter((result) => result.status === "fulfilled");
  expect(won).toHaveLength(1);
  await won[0]!.value.close();
});

test("holds a directory whose path is longer than a socket's address may be", async () => {
  directory = join(root, ...Array.from({ length: 4 }, () => "deep".repeat(12)));
  await mkdir(directory, { recursive: true });
  const holder = start("hold");
  await holder.go();
  await holder.line("open");
  await expect(open()).rejects.toMatchObject({ code: "store.in_use" });
  await holder.kill();
  const store = await open();
  expect(await sockets()).toHaveLength(1);
  await store.close();
  expect(await sockets()).toEqual([]);
});

test("refuses turns that the disk has no space for, goes on, and keeps all others", async () => {
  const filler = start("fill", 4000);
  await filler.go();
  const [, code, acknowledged, running] = (await filler.line("full", "failed")).split(" ");
  expect(code).toBe("store.unusable");
  expect(Number(acknowledged)).toBeGreaterThan(0);
  expect(running).toBe(acknowledged);
  await filler.end();
  const store = await open();
  expect(await store.countJobs()).toEqual({ running: Number(acknowledged) });
  await store.close();
});
