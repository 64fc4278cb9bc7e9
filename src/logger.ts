// The log: one pino root without secrets, as JSON or as lines for people; every part gets a child of it.
import { pino, type DestinationStream, type Logger } from "pino";

export type { Logger };

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LoggerOptions {
  /** Which of several servers writes; stands in every object, and not in lines for people. */
  readonly instanceId?: string;
  readonly level: LogLevel;
  /** `json`: one object per line, for machines. `text`: one readable line per entry. */
  readonly format: "json" | "text";
  /** Where lines go; the standard output where absent. */
  readonly destination?: DestinationStream;
}

/**
 * Make the root of the log. A part takes a child of it: `log.child({ part: "gateway" })`.
 *
 * Members that hold tokens are replaced, up to three levels deep, whatever is logged.
 */
export function createLogger({ instanceId, level, format, destination }: LoggerOptions): Logger {
  const out = destination ?? pino.destination({ fd: 1, sync: true });
  return pino(
    {
      level,
      base: instanceId === undefined || format === "text" ? null : { instanceId },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretPaths, censor: "[redacted]" },
    },
    format === "json" ? out : { write: (line) => out.write(readableLine(line)) },
  );
}

const secretNames = [
  "authorization",
  "x-avtomatika-token",
  "x-worker-token",
  "token",
  "clientToken",
  "workerToken",
];
const secretPaths = secretNames.flatMap((name) =>
  ["", "*", "*.*"].map((parents) => (parents === "" ? `["${name}"]` : `${parents}["${name}"]`)),
);

interface Entry {
  readonly time: string;
  readonly level: string;
  readonly msg?: string;
  readonly part?: string;
  readonly err?: { readonly stack?: string; readonly message?: string };
  readonly [fact: string]: unknown;
}

/** `10:20:19.123 INFO  gateway: worker connected workerId=w1`, and the stack of an error below it. */
function readableLine(line: string): string {
  const { time, level, msg, part, err, ...facts } = JSON.parse(line) as Entry;
  const words = [time.slice(11, 23), level.toUpperCase().padEnd(5)];
  if (part !== undefined) words.push(`${part}:`);
  if (msg !== undefined) words.push(msg);
  for (const [name, value] of Object.entries(facts))
    words.push(`${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const trace = err?.stack ?? err?.message;
  return `${words.join(" ")}\n${trace === undefined ? "" : `${trace}\n`}`;
}
