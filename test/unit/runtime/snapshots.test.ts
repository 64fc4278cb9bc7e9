// Jobs that earlier releases have stored are taken up, replayed, and led to their ends.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { snapshotCases, type Snapshot } from "../../support/snapshot-cases.ts";
import { takeSnapshot, takeUp } from "../../support/snapshots.ts";

const root = join(import.meta.dirname, "../../..");
const fixtures = join(root, "test/fixtures/snapshots");
const releases = readdirSync(fixtures);

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));

describe.each(releases)("of release %s", (release) => {
  const files = readdirSync(join(fixtures, release)).toSorted();

  test.each(files)("%s", async (file) => {
    const snapshot = readJson(join(fixtures, release, file)) as Snapshot;
    const one = snapshotCases[file.slice(0, -".json".length)];
    expect(one, "every stored job has a case that leads it on").toBeDefined();
    const { job, scene } = await takeUp(snapshot, one!);
    expect(job).toMatchObject(one!.ends);
    for (let revision = 1; revision <= job!.revision; revision++)
      await scene.runtime.past.at(snapshot.jobId, revision);
  });
});

test("this release has stored a job of every kind: `npm run snapshots` writes what is missing", () => {
  const { version } = readJson(join(root, "package.json")) as { readonly version: string };
  const files = Object.keys(snapshotCases).map((name) => `${name}.json`);
  expect(readdirSync(join(fixtures, version)).toSorted()).toEqual(files.toSorted());
});

test.each(Object.entries(snapshotCases))("%s goes on as it is stored now", async (_, one) => {
  const snapshot = JSON.parse(JSON.stringify(await takeSnapshot(one))) as Snapshot;
  const { job } = await takeUp(snapshot, one);
  expect(job).toMatchObject(one.ends);
});
