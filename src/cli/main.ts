#!/usr/bin/env node
// `avtomatika`: the command line. Each verb is a file of its own; this one puts them together.
import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { addChart } from "./chart.ts";
import { addCheck } from "./check.ts";
import { addDev } from "./dev.ts";
import { exitCodes, exitCodesHelp } from "./exit-codes.ts";
import { reportFailure } from "./failure.ts";
import { addJobs } from "./jobs.ts";
import { addStart } from "./start.ts";
import { addWorker } from "./worker-run.ts";

const { version } = createRequire(import.meta.url)("avtomatika/package.json") as {
  readonly version: string;
};

const program = new Command("avtomatika")
  .description("Runs statecharts that outlive processes, with tasks pushed to workers.")
  .version(version)
  .option("--json", "print JSON: one document, or one on each line of a stream")
  .configureHelp({ showGlobalOptions: true })
  .showHelpAfterError("Add --help to see what it takes.")
  .addHelpText("after", exitCodesHelp())
  .exitOverride();
addDev(program);
addStart(program);
addWorker(program);
addJobs(program);
addCheck(program);
addChart(program);

// Whoever reads the output may have seen enough, as `head` has.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(exitCodes.ok.code);
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode =
    error instanceof CommanderError
      ? usageExitCode(error)
      : reportFailure(error, program.opts<{ json?: boolean }>().json === true);
}

/** Commander has printed the help, the version, or what is wrong. */
function usageExitCode({ exitCode, code }: CommanderError): number {
  return exitCode === 0 && code !== "commander.help" ? exitCodes.ok.code : exitCodes.usage.code;
}
