// The worker's log: JSON lines on standard output, without any token.
import { pino, type Logger } from "pino";

/** @param level "trace", "debug", "info", "warn", "error", "fatal" or "silent" */
export function createWorkerLogger(level: string): Logger {
  return pino({
    name: "avtomatika-worker",
    level,
    redact: ["token", "*.token", "headers.authorization"],
    timestamp: pino.stdTimeFunctions.isoTime,
  });
}
