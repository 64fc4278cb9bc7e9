// The file of workers' own tokens: what it may say, and that nobody is told what stands in it.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readWorkersFile } from "../../../src/gateway/workers-file.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "workers-file-"));
});
afterAll(() => rm(directory, { recursive: true }));

const written = async (text: string): Promise<string> => {
  const path = join(directory, "workers.toml");
  await writeFile(path, text);
  return path;
};

test("gives each worker the token of its section, and the types that it is good for", async () => {
  const path = await written(
    '[w1]\ntoken = "one"\ndescription = "the first"\n\n["gpu.box-1"]\ntoken = "two"\ntask_types = ["infer"]\n',
  );
  expect(await readWorkersFile(path)).toEqual(
    new Map([
      ["w1", { token: "one" }],
      ["gpu.box-1", { token: "two", taskTypes: ["infer"] }],
    ]),
  );
});

test.each([
  ["a section without a token", "[w1]\ndescription = 'x'", "the section [w1] has no token"],
  ["an empty token", '[w1]\ntoken = ""', "the section [w1] has no token"],
  [
    "types that are no list",
    '[w1]\ntoken = "secret-1"\ntask_types = "infer"',
    "task_types of the section [w1] is no list of task types",
  ],
  ["a key outside a section", 'token = "secret-1"', "the section [token] has no token"],
  ["no TOML", '[w1]\ntoken = "secret-1', "line 2 is not TOML"],
])("with %s is refused, without a word of its content", async (_, text, problem) => {
  const path = await written(text);
  const refused = await readWorkersFile(path).catch((error: Error) => error);
  expect(refused).toMatchObject({ code: "config.invalid" });
  expect((refused as Error).message).toContain(problem);
  expect(JSON.stringify([(refused as Error).message, (refused as Error).stack])).not.toContain(
    "secret",
  );
});

test("that is not there is refused", async () => {
  await expect(readWorkersFile(join(directory, "none.toml"))).rejects.toMatchObject({
    code: "config.invalid",
    message: expect.stringContaining("ENOENT"),
  });
});
