#!/usr/bin/env -S node --max-semi-space-size=32 --no-allocation-site-pretenuring
// `avtomatika`: the command line. It takes signals from its first moment on; the commands are loaded after that.
// A server makes much short-lived garbage: with room for it, collecting costs a fifth less time for each job. V8 must not take
// what survives a burst for long-lived: put among old objects, the next ones keep what they refer to until a full collection.
import { exitCodes, interruptedCode } from "./exit-codes.ts";
import { endAtSignal } from "./stop-signal.ts";

const [command, subcommand] = process.argv.slice(2).filter((word) => !word.startsWith("-"));
/** What they do only counts as a whole: a partial backup must not look done, nor a worker passed that was not tested. */
const isWholeOnly =
  command === "export" || command === "import" || (command === "worker" && subcommand === "test");
endAtSignal(isWholeOnly ? interruptedCode : exitCodes.ok.code);
await import("./program.ts");
