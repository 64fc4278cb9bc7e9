// `avtomatika chart`: draws a blueprint from its file; no server is needed.
import { writeFile } from "node:fs/promises";
import { Option, type Command } from "commander";
import { loadBlueprints } from "../blueprint/load.ts";
import { BlueprintRegistry } from "../blueprint/registry.ts";
import { ChartRenderer } from "../chart/chart-renderer.ts";
import { RuntimeError } from "../errors.ts";
import { chartFormats, type ChartFormat } from "../protocol/blueprint-contract.ts";
import { blueprintName } from "./arguments.ts";
import { blueprintsDirectory } from "./check.ts";
import { print, printJson } from "./output.ts";

interface ChartFlags {
  readonly format: ChartFormat;
  readonly blueprints?: string;
  readonly out?: string;
  readonly json?: boolean;
}

export function addChart(program: Command): void {
  program
    .command("chart")
    .description("draw a blueprint")
    .argument("<blueprint>", "its name, or name@version")
    .addOption(new Option("--format <format>", "what to draw").choices(chartFormats).default("svg"))
    .option("--blueprints <dir>", "where blueprints are (BLUEPRINTS_DIR)")
    .option("--out <file>", "write it to a file")
    .action(async (wanted: string, _, command: Command) => {
      const { format, blueprints, out, json } = command.optsWithGlobals<ChartFlags>();
      const { name, version, chart } = await draw(wanted, format, blueprintsDirectory(blueprints));
      if (out !== undefined) await write(out, chart);
      const about = { blueprint: name, version, format };
      if (json) printJson(out === undefined ? { ...about, chart } : { ...about, out });
      else print(out === undefined ? chart : `${name}@${version} is drawn in ${out}.`);
    });
}

async function draw(
  wanted: string,
  format: ChartFormat,
  directory: string,
): Promise<{ readonly name: string; readonly version: string; readonly chart: string }> {
  const registry = new BlueprintRegistry();
  for (const { blueprint } of await loadBlueprints(directory)) registry.register(blueprint);
  const given = blueprintName(wanted);
  const { name, version } = registry.require(given.name, given.version);
  return { name, version, chart: await new ChartRenderer(registry).render(name, version, format) };
}

async function write(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, `${text}\n`);
  } catch (error) {
    const message = `The chart can't be written: ${(error as Error).message}`;
    throw new RuntimeError("config.invalid", message, { file }, { cause: error });
  }
}
