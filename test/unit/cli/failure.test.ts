// What Commander refuses becomes a failure like any other, with a message for whoever gave the command.
import { CommanderError } from "commander";
import { expect, test } from "vitest";
import { exitCodeOf, exitCodes } from "../../../src/cli/exit-codes.ts";
import { usageFailure } from "../../../src/cli/failure.ts";

test.each([
  ["commander.unknownOption", "error: unknown option '--colour'", "unknown option '--colour'"],
  ["commander.invalidArgument", "It says error: here", "It says error: here"],
  ["commander.help", "(outputHelp)", "The command is missing or unknown; --help lists them."],
])("%s is said in words and ends a command with 2", (code, said, message) => {
  const failure = usageFailure(new CommanderError(1, code, said));
  expect(failure).toMatchObject({ code: "config.invalid", message, details: {} });
  expect(exitCodeOf(failure.code)).toBe(exitCodes.usage.code);
});
