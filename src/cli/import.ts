// `avtomatika import`: takes all jobs of a file in that another store has written.
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Command } from "commander";
import { readConfig, type Flags } from "../config.ts";
import { RuntimeError } from "../errors.ts";
import { exitCodes } from "./exit-codes.ts";
import { print, printJson } from "./output.ts";
import { withStoreOptions } from "./store-options.ts";

type ImportFlags = Flags & { readonly json?: boolean };

export function addImport(program: Command): void {
  withStoreOptions(
    program
      .command("import")
      .description("take in all jobs of a file that `avtomatika export` has written")
      .argument("<file>", "what it has written")
      .option("--shards <number>", "over how many shards new jobs are spread in Redis (SHARDS)"),
  ).action(async (file: string, _, command: Command) => {
    const { json, ...flags } = command.optsWithGlobals<ImportFlags>();
    const config = readConfig({ flags });
    const { withStore } = await import("../open-store.ts");
    const { importLines, shardsOf } = await import("../store/transfer.ts");
    const shards = shardsOf(await firstLine(file));
    const take = () => withStore(config, (store) => importLines(store, linesOf(file)), shards);
    const { jobs, keys, present, behind } = await take();
    if (json) printJson({ jobs, keys, present, behind });
    else {
      print(`${jobs} jobs and ${keys} idempotency keys are in the store; ${present} were before.`);
      for (const jobId of behind) print(`${jobId} is there in an earlier state, and was left.`);
    }
    if (behind.length > 0) process.exitCode = exitCodes.failed.code;
  });
}

async function firstLine(file: string): Promise<string> {
  for await (const line of linesOf(file)) return line;
  return "";
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const input = createReadStream(file);
  try {
    yield* createInterface({ input, crlfDelay: Infinity });
  } catch (error) {
    const message = `The file can't be read: ${(error as Error).message}`;
    throw new RuntimeError("config.invalid", message, { file });
  } finally {
    input.destroy();
  }
}
