// The commands of `avtomatika`: each verb is a file of its own; this one puts them together, and runs the one that is asked for.
import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { addChart } from "./chart.ts";
import { addCheck } from "./check.ts";
import { addDev } from "./dev.ts";
import { addDoctor } from "./doctor.ts";
import { exitCodes, exitCodesHelp } from "./exit-codes.ts";
import { reportFailure, usageFailure } from "./failure.ts";
import { addExport } from "./export.ts";
import { addImport } from "./import.ts";
import { addJobs } from "./jobs.ts";
import { addQuarantine } from "./quarantine.ts";
import { addQueues } from "./queues.ts";
import { addMachine } from "./machine-import.ts";
import { addStart } from "./start.ts";
import { addWorker } from "./worker.ts";

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
  // Programs get one JSON document about what is wrong, once it is known, and no text for people before it.
  .configureOutput({ writeErr: (text) => isJson() || process.stderr.write(text) })
  .exitOverride();
addDev(program);
addStart(program);
addWorker(program);
addJobs(program);
addQueues(program);
addQuarantine(program);
addCheck(program);
addDoctor(program);
addChart(program);
addMachine(program);
addExport(program);
addImport(program);

// Whoever reads the output may have seen enough, as `head` has.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(exitCodes.ok.code);
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = endWith(error);
}

function endWith(error: unknown): number {
  if (!(error instanceof CommanderError)) return reportFailure(error, isJson());
  // Somebody asked for the help or the version, and has got it.
  if (error.exitCode === 0) return exitCodes.ok.code;
  // Commander has told people what is wrong.
  return isJson() ? reportFailure(usageFailure(error), true) : exitCodes.usage.code;
}

/** Wherever the flag stands: Commander reads the flags of the whole program before it goes on to a command. */
function isJson(): boolean {
  return program.opts<{ json?: boolean }>().json === true;
}
