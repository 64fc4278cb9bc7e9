// Writes jobs of every kind as this release stores them into `test/fixtures/snapshots/`: once, when it is released.
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { snapshotCases } from "../test/support/snapshot-cases.ts";
import { takeSnapshot } from "../test/support/snapshots.ts";

const root = join(import.meta.dirname, "..");
const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
  readonly version: string;
};
const directory = join(root, "test/fixtures/snapshots", version);
await mkdir(directory, { recursive: true });
for (const [name, one] of Object.entries(snapshotCases)) {
  const file = join(directory, `${name}.json`);
  const isThere = await stat(file).then(
    () => true,
    () => false,
  );
  // What a release has stored stays as it is: later ones have to read it.
  if (isThere) continue;
  await writeFile(file, `${JSON.stringify(await takeSnapshot(one), undefined, 1)}\n`);
  process.stdout.write(`${file}\n`);
}
