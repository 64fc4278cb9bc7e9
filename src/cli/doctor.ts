// `avtomatika doctor`: says what the store is set to, and what is wrong with that.
import type { Command } from "commander";
import pc from "picocolors";
import { readConfig, type Flags } from "../config.ts";
import { exitCodeOf } from "./exit-codes.ts";
import { print, printJson } from "./output.ts";
import { table } from "./table.ts";

type DoctorFlags = Flags & { readonly json?: boolean };

export function addDoctor(program: Command): void {
  program
    .command("doctor")
    .description("say what the store is set to, and what is wrong with that")
    .option("--data <dir>", "the directory of the store (DATA_DIR)")
    .option("--redis-url <url>", "the Redis instead of it (REDIS_URL)")
    .option("--durability <level>", "relaxed, durable or replicated (DURABILITY)")
    .action(async (_, command: Command) => {
      const { json, ...flags } = command.optsWithGlobals<DoctorFlags>();
      const config = readConfig({ flags });
      // Commands that look at no store should not have to load one.
      const { examineStore } = await import("../open-store.ts");
      const found = await examineStore(config);
      const { kind, facts, findings } = found;
      const errors = findings.filter(({ severity }) => severity === "error");
      if (json) printJson({ ok: errors.length === 0, store: kind, facts, findings });
      else {
        const rows = facts.flatMap((one) =>
          Object.entries(one).map(([name, value]) => [`  ${name}`, String(value)]),
        );
        print(`${pc.bold("store")}  ${kind}\n${table(rows)}`);
        for (const { severity, code, message } of findings)
          print(
            `${severity === "error" ? pc.red("✗") : pc.yellow("!")} ${message} ${pc.dim(`[${code}]`)}`,
          );
        if (findings.length === 0) print(`${pc.green("✓")} nothing is wrong with it`);
      }
      if (errors[0]) process.exitCode = exitCodeOf(errors[0].code);
    });
}
