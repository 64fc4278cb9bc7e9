// The commands about blueprints as real processes: checking, drawing, importing them.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { runCli } from "../support/cli-process.ts";
import { clientToken, startLiveServer } from "../support/live-server.ts";

const directory = mkdtempSync(join(tmpdir(), "avtomatika-cli-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Run a command to its end. */
async function run(args: readonly string[], env: Record<string, string> = {}) {
  const one = runCli(args, { DATA_DIR: directory, ...env });
  return { code: await one.exited, ...one.output };
}
/** The one JSON document that a command prints. */
async function document(...args: string[]): Promise<Record<string, unknown>> {
  const { stdout, stderr } = await run([...args, "--json"]);
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe("check", () => {
  test("ends with 0 where blueprints are sound", async () => {
    const { ok, blueprints } = await document("check");
    expect(ok).toBe(true);
    expect(blueprints).toContainEqual({
      blueprint: "test_flow",
      version: "1",
      file: "machines/test-flow.ts",
      findings: [],
    });
  });

  test("ends with 1 and says where blueprints are not", async () => {
    const folder = join(directory, "unsound");
    mkdirSync(folder);
    const machine = `setup({}).createMachine({ initial: "a", states: { a: { after: { soon: "b" } }, b: {} } })`;
    writeFileSync(
      join(folder, "unsound.ts"),
      `import { blueprint } from "${join(import.meta.dirname, "../../src/index.ts")}";
       import { setup } from "${import.meta.resolve("xstate")}";
       export const unsound = blueprint("unsound", { version: "1", machine: ${machine} });`,
    );
    const forPeople = await run(["check", "--blueprints", folder]);
    expect(forPeople.code).toBe(1);
    expect(forPeople.stdout).toContain("[lint.unknown_delay]");
    const forPrograms = await run(["check", "--blueprints", folder, "--json"]);
    expect(JSON.parse(forPrograms.stdout)).toMatchObject({
      ok: false,
      blueprints: [
        {
          findings: expect.arrayContaining([
            expect.objectContaining({
              file: expect.stringContaining("unsound.ts") as string,
              line: 3,
              code: "lint.unknown_delay",
              severity: "error",
              state: "a",
              docs: "docs/lint.md#lintunknown_delay",
            }),
          ]) as unknown,
        },
      ],
    });
  });

  test("asks a server which tasks its workers do", async () => {
    const live = await startLiveServer();
    const folder = join(directory, "idle");
    mkdirSync(folder);
    writeFileSync(
      join(folder, "idle.ts"),
      `import { flow } from "${join(import.meta.dirname, "../../src/index.ts")}";
       export const idle = flow("idle", { version: "1" })
         .state("start", { isStart: true, to: ["next"] }, (ctx) => ctx.actions.dispatchTask({ type: "echo_task", transitions: { success: "next" } }))
         .state("next", { to: ["completed"] }, (ctx) => ctx.actions.dispatchTask({ type: "dream", transitions: { success: "completed" } }));`,
    );
    const args = ["check", "--blueprints", folder, "--url", live.url, "--json"];
    const { code, stdout } = await run(args, { CLIENT_TOKEN: clientToken });
    await live.close();
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      blueprints: [{ findings: [{ code: "lint.no_worker", state: "next", line: 4 }] }],
    });
  });

  test("ends with 1 where files do not load, says why and where, and looks at the others", async () => {
    const folder = join(directory, "broken");
    mkdirSync(folder);
    const source = import.meta.resolve("../../src/index.ts");
    writeFileSync(join(folder, "broken.ts"), "\nexport const broken = ;");
    writeFileSync(
      join(folder, "lost.ts"),
      `import { blueprint } from "${source}";
       import { createMachine } from "${import.meta.resolve("xstate")}";
       const machine =
         createMachine({ id: "lost", initial: "a", states: { a: { on: { GO: "nowhere" } } } });
       export const lost = blueprint("lost", { version: "1", machine });`,
    );
    writeFileSync(
      join(folder, "sound.ts"),
      `import { blueprint } from "${source}";
       import { createMachine } from "${import.meta.resolve("xstate")}";
       const machine = createMachine({ id: "sound", initial: "a", states: { a: { type: "final" } } });
       export const sound = blueprint("sound", { version: "1", machine });`,
    );
    const forPeople = await run(["check", "--blueprints", folder]);
    expect(forPeople.code).toBe(1);
    expect(forPeople.stdout).toContain("[blueprint.load_failed]");
    const forPrograms = await run(["check", "--blueprints", folder, "--json"]);
    expect(forPrograms.code).toBe(1);
    const finding = {
      code: "blueprint.load_failed",
      severity: "error",
      docs: "docs/errors.md#error-codes",
    };
    const named = (text: string) => expect.stringContaining(text) as string;
    expect(JSON.parse(forPrograms.stdout)).toMatchObject({
      ok: false,
      blueprints: [{ blueprint: "sound", findings: [] }],
      unloaded: [
        { file: named("broken.ts"), findings: [{ ...finding, line: 2 }] },
        { file: named("lost.ts"), findings: [{ ...finding, line: 4, message: named("nowhere") }] },
      ],
    });
  });
});

describe("chart", () => {
  test.each([
    ["json", /^\{"id":"order_approval",/],
    ["mermaid", /^stateDiagram-v2\n/],
    ["dot", /^digraph /m],
    ["svg", /^<svg [\s\S]*<\/svg>\n$/],
    ["scxml", /^<\?xml [^]*<state id="order_approval"/],
  ])("draws %s", async (format, drawn) => {
    const { code, stdout } = await run(["chart", "order_approval", "--format", format]);
    expect(code).toBe(0);
    expect(stdout).toMatch(drawn);
  });

  test("writes into a file", async () => {
    const out = join(directory, "chart.svg");
    expect(await document("chart", "test_flow@1", "--out", out)).toEqual({
      blueprint: "test_flow",
      version: "1",
      format: "svg",
      out,
    });
    expect(readFileSync(out, "utf8")).toContain("</svg>");
  });

  test.each([
    [3, "blueprint.not_found", ["nothing"]],
    [3, "blueprint.not_found", ["test_flow@9"]],
    [2, "config.invalid", ["test_flow", "--out", "/nowhere/chart.svg"]],
  ] as const)("ends with %i at %s", async (code, error, args) => {
    const ended = await run(["chart", ...args]);
    expect(ended).toMatchObject({ code, stdout: "" });
    expect(ended.stderr).toContain(`(${error})`);
  });
});

describe("machine import", () => {
  const documents = join(import.meta.dirname, "../support/document");
  const parcel = join(documents, "parcel.json");
  const needs = {
    actors: ["weigh"],
    actions: ["keepWeight"],
    guards: ["isHeavy"],
    delays: ["patience"],
    values: ["begin", "sender"],
  };

  test("writes a blueprint and lists the names that need code; a chart gives it out again", async () => {
    const out = join(directory, "imported");
    mkdirSync(out);
    expect(await document("machine", "import", parcel, "--as", "shipment@2", "--out", out)).toEqual(
      {
        blueprint: "shipment",
        version: "2",
        needs,
        out: join(out, "shipment.json"),
        errors: [],
      },
    );
    const given = JSON.parse(readFileSync(parcel, "utf8")) as object;
    const written = JSON.parse(readFileSync(join(out, "shipment.json"), "utf8")) as object;
    expect(written).toEqual({ ...given, name: "shipment", version: "2" });
    const args = ["chart", "parcel", "--format", "machine", "--blueprints", documents];
    expect(JSON.parse((await run(args)).stdout)).toEqual(given);
  });

  test("checks the names and the machine with a module", async () => {
    const module = join(documents, "parcel.ts");
    const checked = await document("machine", "import", parcel, "--implementations", module);
    expect(checked).toEqual({ blueprint: "parcel", version: "1", needs, errors: [] });
    const wrong = join(directory, "wrong.mjs");
    writeFileSync(wrong, "export const implementations = {};");
    const { code, stderr } = await run(["machine", "import", parcel, "--implementations", wrong]);
    expect(code).toBe(2);
    expect(stderr).toContain("(interchange.unregistered)");
  });

  test("refuses what is no machine", async () => {
    const { code, stdout, stderr } = await run([
      "machine",
      "import",
      join(import.meta.dirname, "../../package.json"),
    ]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("(interchange.invalid)");
  });
});
