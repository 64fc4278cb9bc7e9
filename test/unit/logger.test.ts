// The log: what a line looks like, and what never stands in one.
import { expect, test } from "vitest";
import { createLogger, type LoggerOptions } from "../../src/logger.ts";

function recorded(format: LoggerOptions["format"], level: LoggerOptions["level"] = "info") {
  const lines: string[] = [];
  const log = createLogger({
    level,
    format,
    destination: { write: (line) => void lines.push(line) },
  });
  return { log, lines };
}

test("JSON lines have the level by name, the time, and the facts as members", () => {
  const { log, lines } = recorded("json");
  log.child({ part: "gateway" }).info({ workerId: "w1" }, "worker connected");
  expect(JSON.parse(lines[0]!)).toEqual({
    level: "info",
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    part: "gateway",
    workerId: "w1",
    msg: "worker connected",
  });
});

test("JSON lines name the server that wrote them, lines for people do not", () => {
  const written = (format: LoggerOptions["format"]) => {
    const lines: string[] = [];
    const destination = { write: (line: string) => void lines.push(line) };
    createLogger({ instanceId: "node-a", level: "info", format, destination }).info("ready");
    return lines[0]!;
  };
  expect(JSON.parse(written("json"))).toMatchObject({ instanceId: "node-a", msg: "ready" });
  expect(written("text")).not.toContain("node-a");
});

test("text lines can be read, and end with the stack of an error", () => {
  const { log, lines } = recorded("text");
  log
    .child({ part: "http" })
    .error({ err: new Error("broken"), path: "/x", n: 1 }, "request failed");
  expect(lines[0]).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} ERROR http: request failed path=\/x n=1\nError: broken\n {4}at /,
  );
});

test("what is below the level is not logged", () => {
  const { log, lines } = recorded("json", "warn");
  log.info("nothing");
  expect(lines).toEqual([]);
});

test.each(["json", "text"] as const)("tokens are not in %s lines, however deep", (format) => {
  const { log, lines } = recorded(format);
  const token = "very-secret";
  log.info({ token, clientToken: token, workerToken: token }, "flat");
  log.info({ headers: { authorization: `Bearer ${token}`, "x-worker-token": token } }, "nested");
  log.info({ req: { headers: { "x-avtomatika-token": token } } }, "deep");
  log.child({ token }).info("child");
  expect(lines).toHaveLength(4);
  expect(lines.join("")).not.toContain(token);
  expect(lines.join("")).toContain("[redacted]");
});
