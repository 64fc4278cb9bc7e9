// `avtomatika export`: writes all jobs of a store into a file, from which another store takes them in.
import { existsSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import type { Command } from "commander";
import { readConfig, type Flags } from "../config.ts";
import { RuntimeError } from "../errors.ts";
import { print, printJson } from "./output.ts";
import { withStoreOptions } from "./store-options.ts";

type ExportFlags = Flags & { readonly json?: boolean };

export function addExport(program: Command): void {
  withStoreOptions(
    program
      .command("export")
      .description("write all jobs of a store into a file, for another store to take in")
      .argument("<file>", "what to write; it must not be there"),
  ).action(async (file: string, _, command: Command) => {
    const { json, ...flags } = command.optsWithGlobals<ExportFlags>();
    if (existsSync(file))
      throw new RuntimeError("config.invalid", `${file} is there already.`, { file });
    const { jobs, keys } = await exportTo(file, readConfig({ flags }));
    if (json) printJson({ out: file, jobs, keys });
    else print(`${jobs} jobs and ${keys} idempotency keys are in ${file}.`);
  });
}

async function exportTo(file: string, config: ReturnType<typeof readConfig>) {
  const { withStore } = await import("../open-store.ts");
  const { exportLines } = await import("../store/transfer.ts");
  return withStore(config, async (store) => {
    // Whoever finds the file under its name finds all of it.
    const part = `${file}.part`;
    const handle = await open(part, "w").catch((error: Error) => {
      throw new RuntimeError("config.invalid", `The file can't be written: ${error.message}`, {
        file,
      });
    });
    try {
      const lines = exportLines(store);
      for (;;) {
        const next = await lines.next();
        if (next.done) {
          await handle.sync();
          await handle.close();
          await rename(part, file);
          return next.value;
        }
        await handle.write(`${next.value}\n`);
      }
    } catch (error) {
      await handle.close();
      await rm(part, { force: true });
      throw error;
    }
  });
}
