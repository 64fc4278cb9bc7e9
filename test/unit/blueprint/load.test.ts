// Blueprints from files: which are found, and what is said of files that do not load.
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadBlueprints } from "../../../src/blueprint/load.ts";
import { findPaths, openTestWorld, reply } from "../../../src/testing/index.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "blueprints-"));
});
afterEach(() => rm(directory, { recursive: true }));

const sources = resolve("src");
const write = (name: string, text: string) => writeFile(join(directory, name), text);
const flowFile = (name: string): string => `
  import { flow } from ${JSON.stringify(join(sources, "index.ts"))};
  export const bp = flow(${JSON.stringify(name)}, { version: "1" });
  bp.state("init", { to: ["completed"] }, (ctx) => ctx.actions.transitionTo("completed"));
  export const unrelated = 5;
`;

test("takes the flows and blueprints that the files export, in the order of the files", async () => {
  await write("b.mjs", flowFile("second"));
  await write("a.ts", flowFile("first"));
  await write("c.js", `export { bp, bp as again } from "./b.mjs"; export const built = 1;`);
  const loaded = await loadBlueprints(directory);
  expect(loaded.map(({ file, blueprint }) => [file, blueprint.name])).toEqual([
    [join(directory, "a.ts"), "first"],
    [join(directory, "b.mjs"), "second"],
    [join(directory, "c.js"), "second"],
  ]);
});

test("leaves other files and the directories inside alone", async () => {
  await write("notes.md", "# not code");
  await write("a.d.ts", "syntax error");
  await write("a.test.ts", "syntax error");
  await mkdir(join(directory, "task"));
  await write("task/x.ts", "syntax error");
  expect(await loadBlueprints(directory)).toEqual([]);
});

test("names the file that does not load, and the cause", async () => {
  await write("broken.mjs", `throw new Error("no such table");`);
  await expect(loadBlueprints(directory)).rejects.toMatchObject({
    code: "blueprint.load_failed",
    message: `The blueprint file ${join(directory, "broken.mjs")} does not load: no such table`,
  });
});

test("names the file whose flow cannot be built", async () => {
  await write(
    "empty.ts",
    `import { flow } from ${JSON.stringify(join(sources, "index.ts"))};
     export const bp = flow("empty", { version: "1" });`,
  );
  await expect(loadBlueprints(directory)).rejects.toMatchObject({
    code: "blueprint.load_failed",
    message: expect.stringMatching(/empty\.ts does not load: Flow "empty".* has no start/),
  });
});

test("says that a directory cannot be read", async () => {
  await expect(loadBlueprints(join(directory, "nowhere"))).rejects.toMatchObject({
    code: "blueprint.load_failed",
    message: expect.stringContaining("nowhere"),
  });
});

const documents = resolve("test/support/document");

test("takes a JSON file for a blueprint, with the code of the module beside it", async () => {
  const [loaded, ...others] = await loadBlueprints(documents);
  expect(others).toEqual([]);
  expect(loaded?.file).toBe(join(documents, "parcel.json"));
  const { blueprint } = loaded!;
  expect(blueprint).toMatchObject({ name: "parcel", version: "1", endpoint: "/jobs/parcel" });

  const paths = await findPaths(blueprint, { inputs: [{ sender: "Mara" }] });
  paths.assertComplete();
  const world = await openTestWorld(blueprint, { tasks: { weigh: reply({ grams: 30_000 }) } });
  const job = await world.start({ sender: "Mara" });
  job.assertDispatched("weigh", { sender: "Mara" });
  job.assertIn("asking");
  await job.run();
  job.assertIn("returned");
  await world.close();
});

test("says which name of a JSON file nobody implements, and where", async () => {
  await copyFile(join(documents, "parcel.json"), join(directory, "parcel.json"));
  await write("parcel.mjs", "export const implementations = { actors: {} };");
  await expect(loadBlueprints(directory)).rejects.toMatchObject({
    code: "interchange.unregistered",
    message: expect.stringMatching(
      /parcel\.json: .*machine\.states\.weighing\.invoke\.src: actors/,
    ),
  });
});

test("leaves JSON that belongs to tools alone", async () => {
  await write("package.json", "{}");
  await write("tsconfig.build.json", "{}");
  expect(await loadBlueprints(directory)).toEqual([]);
});
