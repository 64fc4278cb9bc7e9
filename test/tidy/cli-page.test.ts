// The page `docs/cli.md` has every command with its options and what it does, and every exit code.
import { Command } from "commander";
import { expect, test } from "vitest";
import { addChart } from "../../src/cli/chart.ts";
import { addCheck } from "../../src/cli/check.ts";
import { addDoctor } from "../../src/cli/doctor.ts";
import { addDev } from "../../src/cli/dev.ts";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { addExport } from "../../src/cli/export.ts";
import { addImport } from "../../src/cli/import.ts";
import { addJobs } from "../../src/cli/jobs.ts";
import { addQuarantine } from "../../src/cli/quarantine.ts";
import { addQueues } from "../../src/cli/queues.ts";
import { addMachine } from "../../src/cli/machine-import.ts";
import { addStart } from "../../src/cli/start.ts";
import { addWorker } from "../../src/cli/worker.ts";
import { codesIn, tableRows } from "./repository.ts";

const page = "docs/cli.md";

interface Verb {
  readonly usage: string;
  readonly options: readonly string[];
  readonly about: string;
}

/** The commands that do something, each with the words that lead to it. */
function verbsOf(command: Command, words: readonly string[]): readonly Verb[] {
  if (command.commands.length > 0)
    return command.commands.flatMap((one) => verbsOf(one, [...words, one.name()]));
  const args = command.registeredArguments.map((one) => {
    const name = one.variadic ? `${one.name()}...` : one.name();
    return one.required ? `<${name}>` : `[${name}]`;
  });
  return [
    {
      usage: [...words, ...args].join(" "),
      options: command.options.map(({ flags }) => flags),
      about: command.description(),
    },
  ];
}

test("has every command with its options and what it does", () => {
  const program = new Command();
  const adds = [addDev, addStart, addWorker, addJobs, addQueues, addQuarantine, addCheck];
  adds.push(addDoctor, addChart, addMachine, addExport, addImport);
  for (const add of adds) add(program);
  const shown = tableRows(page, "Commands").map(([usage = "", options = "", about = ""]) => ({
    usage: codesIn(usage)[0],
    options: codesIn(options),
    about,
  }));
  expect(shown).toEqual(verbsOf(program, []));
});

test("has every exit code", () => {
  const shown = tableRows(page, "Exit codes").map(([code, about]) => ({
    code: Number(code),
    about,
  }));
  expect(shown).toEqual(Object.values(exitCodes));
});
