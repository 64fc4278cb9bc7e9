// The archive in a file keeps every promise, can be read by SQL, and comes to itself again when its file is back.
import Database from "libsql";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openArchive } from "../../../src/archive/open-archive.ts";
import { endedJob, exerciseArchive } from "../../support/archive-cases.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "avtomatika-archive-"));
});
afterAll(() => rm(directory, { recursive: true }));

describe("an archive in SQLite", () => {
  exerciseArchive(() => openArchive(`sqlite:${join(directory, "new", "history.db")}`));
});

test("is read by SQL in the words of its columns", async () => {
  const path = join(directory, "columns.db");
  const archive = await openArchive(`sqlite:${path}`);
  await archive.put([endedJob("j1", { createdAt: 1_000 })], 5_000);
  const database = new Database(path);
  const steps = database.prepare(
    "SELECT revision, timestamp, event_type, previous_state, state, duration_ms FROM job_archive_history WHERE job_id = ? ORDER BY revision",
  );
  const step = { event_type: "event", duration_ms: 10 };
  expect(steps.all("j1")).toEqual([
    {
      ...step,
      revision: 1,
      timestamp: 1_000,
      previous_state: null,
      state: "state1",
      duration_ms: null,
    },
    { ...step, revision: 2, timestamp: 1_010, previous_state: "state1", state: "state2" },
    { ...step, revision: 3, timestamp: 1_020, previous_state: "state2", state: "state3" },
  ]);
  database.close();
  await archive.close();
});

test("takes all jobs of a call or none, and says that a locked file is unavailable", async () => {
  const path = join(directory, "locked.db");
  const archive = await openArchive(`sqlite:${path}`);
  await archive.put([endedJob("j1")], 1);
  const other = new Database(path);
  other.exec("BEGIN IMMEDIATE");
  await expect(archive.put([endedJob("j2"), endedJob("j3")], 2)).rejects.toMatchObject({
    code: "archive.unavailable",
    retryable: true,
  });
  other.exec("ROLLBACK");
  expect(await archive.load("j2")).toBeUndefined();
  await archive.put([endedJob("j2"), endedJob("j3")], 2);
  expect((await archive.list({ limit: 9 })).jobs).toHaveLength(3);
  other.close();
  await archive.close();
});

test("is unavailable while its folder can't be made, and works once it can", async () => {
  const inTheWay = join(directory, "in-the-way");
  await writeFile(inTheWay, "");
  const archive = await openArchive(`sqlite:${join(inTheWay, "history.db")}`);
  await expect(archive.load("j1")).rejects.toMatchObject({ code: "archive.unavailable" });
  await rm(inTheWay);
  expect(await archive.load("j1")).toBeUndefined();
  await archive.close();
});

test("leaves a file alone that a newer version has written", async () => {
  const path = join(directory, "newer.db");
  const database = new Database(path);
  database.exec("CREATE TABLE job_archive_format (format BIGINT NOT NULL)");
  database.exec("INSERT INTO job_archive_format VALUES (2)");
  database.close();
  const archive = await openArchive(`sqlite:${path}`);
  await expect(archive.put([endedJob("j1")], 1)).rejects.toMatchObject({
    code: "archive.format_newer",
    details: { format: 2, supported: 1 },
  });
  await archive.close();
});

test.each(["mysql://host/name", "sqlite:", "postgresql://", "history.db"])(
  "there is none at %s",
  async (uri) => {
    await expect(openArchive(uri)).rejects.toMatchObject({ code: "config.invalid" });
  },
);
