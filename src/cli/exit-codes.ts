// What the command line ends with: the one table of exit codes, and which failure has which.
import type { ErrorCode } from "../errors.ts";

/** `docs/cli.md` and the help repeat this table. */
export const exitCodes = {
  ok: { code: 0, about: "Done, or ended by SIGTERM or SIGINT as asked." },
  failed: {
    code: 1,
    about: "It did not succeed: the job ended badly, an event was ignored, a blueprint has errors.",
  },
  usage: { code: 2, about: "The command, its input or the configuration is not valid." },
  notFound: { code: 3, about: "There is no such job or blueprint." },
  unavailable: { code: 4, about: "The server can't be reached, is busy, or refuses the token." },
  environment: {
    code: 5,
    about:
      "The machine is in the way: a port or data directory in use, a store that can't be read.",
  },
} as const;
/** What a command ends with that was broken off by a signal before it had done what only counts as a whole. */
export const interruptedCode = 130;
export type ExitName = keyof typeof exitCodes;

/** Codes and groups of codes; the first that fits counts. */
const exits: readonly (readonly [RegExp, ExitName])[] = [
  [/^(job|blueprint|request)\.not_found$|^job\.revision_not_found$/, "notFound"],
  [/^server\.port_in_use$|^store\./, "environment"],
  [/^server\.|^auth\.|^archive\.unavailable$|^worker\.refused$/, "unavailable"],
  [/^config\.|^request\.|^event\.|^blueprint\.input_invalid$|^interchange\./, "usage"],
];

export function exitCodeOf(code: ErrorCode): number {
  const [, name] = exits.find(([pattern]) => pattern.test(code)) ?? [undefined, "failed" as const];
  return exitCodes[name].code;
}

/** The table for the end of a help page. */
export function exitCodesHelp(): string {
  const lines = Object.values(exitCodes).map(({ code, about }) => `  ${code}  ${about}`);
  return `\nExit codes:\n${lines.join("\n")}`;
}
