// `avtomatika worker test`: whether a worker of any language does what an orchestrator may expect of it.
import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Option, type Command } from "commander";
import { environmentWith } from "../config.ts";
import { RuntimeError } from "../errors.ts";
import { jsonArgument, secondsArgument, wholeNumber } from "./arguments.ts";
import type { WorkerTestOptions } from "../worker-test/options.ts";
import type { TestReport } from "../worker-test/run-test.ts";
import { print, printJson } from "./output.ts";
import { printable } from "./printable.ts";
import { stopSignal } from "./stop-signal.ts";

/** The task handlers that come with the package, and what is tried with them where nothing else is named. */
const shipped = {
  app: join(import.meta.dirname, "../../worker/tasks"),
  task: ["echo_task"],
  params: { message: "Hello", multiply: 2 },
  expect: { processed_message: "Hello Hello" },
};

interface TestFlags {
  readonly app?: string;
  readonly cmd?: string;
  readonly require: readonly string[];
  readonly task: readonly string[];
  readonly allTasks?: boolean;
  readonly params?: unknown;
  readonly expect?: unknown;
  readonly status: readonly string[];
  readonly failParams?: unknown;
  readonly probe: readonly string[];
  readonly progress?: boolean;
  readonly cancel?: boolean;
  readonly concurrency?: boolean;
  readonly retry?: boolean;
  readonly duplicate?: boolean;
  readonly restart?: boolean;
  readonly kill?: boolean;
  readonly workerId?: string;
  readonly port: number;
  readonly orchestratorPort: number;
  readonly timeout: number;
  readonly pickupTimeout: number;
  readonly shutdownTimeout: number;
  readonly deadline: number;
  readonly heartbeats: number;
  readonly heartbeatTimeout: number;
  readonly heartbeatInterval: number;
  readonly allowSkip?: boolean;
  readonly junit?: string;
  readonly verbose?: boolean;
  readonly keepLogs?: string;
  readonly json?: boolean;
}

export function addWorkerTest(worker: Command): void {
  const several = (value: string, before: readonly string[]): readonly string[] => [
    ...before,
    value,
  ];
  const port = (flags: string, about: string) =>
    new Option(flags, about).argParser(wholeNumber(0)).default(0);
  const seconds = (flags: string, about: string, byDefault: number) =>
    new Option(flags, about).argParser(secondsArgument).default(byDefault * 1000, `${byDefault}`);
  worker
    .command("test")
    .description(
      "start a worker against an orchestrator of its own, and find out what it does wrong",
    )
    .argument("[args...]", "after --: arguments for the worker")
    .option(
      "--app <path>",
      "task handlers made by defineTask(), as for worker run, or a Python file; FILE:export for one export alone",
    )
    .option("--cmd <command>", "any command that starts a worker")
    .option(
      "--require <file>",
      "skip the test where this file is missing; may be repeated",
      several,
      [],
    )
    .option("--task <type>", "a task type to try; may be repeated", several, [])
    .option("--all-tasks", "try every type that the worker offers")
    .option(
      "--params <json>",
      "the task's params; with several types an object with a member for each",
      jsonArgument,
    )
    .option("--expect <json>", "what the first task's data must have in them", jsonArgument)
    .option(
      "--status <status>",
      "a status that a result may have; may be repeated; success",
      several,
      [],
    )
    .option("--fail-params <json>", "params with which the first task must fail", jsonArgument)
    .option(
      "--probe <path>",
      "an HTTP endpoint of the worker that must answer; may be repeated",
      several,
      [],
    )
    .option("--progress", "the first task must report progress")
    .option("--cancel", "the first task must stop when it is cancelled")
    .option("--concurrency", "send one task more than the worker takes at once")
    .option("--retry", "do not take a result at first: it must come again")
    .option("--duplicate", "send one task twice")
    .option("--restart", "restart the orchestrator: the worker must come back")
    .option("--kill", "end the worker while a task runs: it must finish it or give it back")
    .option("--worker-id <id>", "the worker's WORKER_ID")
    .addOption(port("--port <number>", "the worker's own port, WORKER_PORT"))
    .addOption(
      port("--orchestrator-port <number>", "where the orchestrator listens; 0 takes a free port"),
    )
    .addOption(seconds("--timeout <s>", "for the registration and for each task", 30))
    .addOption(seconds("--pickup-timeout <s>", "for taking a task", 5))
    .addOption(seconds("--shutdown-timeout <s>", "for ending when told to", 10))
    .addOption(seconds("--deadline <s>", "for everything", 300))
    .option("--heartbeats <n>", "how many heartbeats to wait for", wholeNumber(1), 1)
    .addOption(seconds("--heartbeat-timeout <s>", "for those heartbeats", 35))
    .addOption(seconds("--heartbeat-interval <s>", "the worker's HEARTBEAT_INTERVAL", 1))
    .option("--allow-skip", "end with 0 where the test is skipped")
    .option("--junit <file>", "write a report for build servers, too")
    .option("--verbose", "show what the worker says")
    .option("--keep-logs <dir>", "keep the logs of the worker and of the orchestrator")
    .action(async (args: string[], _, command: Command) => {
      await testWorkerAsTold(args, command.optsWithGlobals<TestFlags>());
    });
}

async function testWorkerAsTold(args: readonly string[], flags: TestFlags): Promise<void> {
  const options = optionsOf(args, flags);
  const signal = stopSignal();
  const untilParentEnds = abortWithParent(signal);
  const { testWorker, testExitCodes } = await import("../worker-test/run-test.ts");
  const { checkText, endText, headingText } = await import("../worker-test/report.ts");
  const isText = flags.json !== true;
  if (isText) print(headingText(options.name));
  const report = await testWorker(options, untilParentEnds, {
    onCheck: (check) => isText && print(printable(checkText(check))),
    ...(flags.verbose && {
      onOutput: (chunk) => process.stderr.write(printable(chunk.toString())),
    }),
  });
  if (isText) print(printable(endText(report)));
  await writeReports(report, flags);
  const isPardoned = report.outcome === "skipped" && flags.allowSkip === true;
  // Whatever a worker under test has left in this process must not keep it from ending.
  process.exit(isPardoned ? testExitCodes.passed : testExitCodes[report.outcome]);
}

async function writeReports(
  report: TestReport,
  { json, junit, keepLogs }: TestFlags,
): Promise<void> {
  const { jsonReport, junitReport } = await import("../worker-test/report.ts");
  if (json) printJson(jsonReport(report));
  if (junit !== undefined) await writeFile(junit, junitReport(report));
  if (keepLogs === undefined) return;
  await mkdir(keepLogs, { recursive: true });
  await writeFile(join(keepLogs, "worker.log"), `${report.workerLog.join("\n")}\n`);
  await writeFile(join(keepLogs, "orchestrator.log"), `${report.orchestratorLog.join("\n")}\n`);
}

/** @throws RuntimeError `config.invalid` */
function optionsOf(args: readonly string[], flags: TestFlags): WorkerTestOptions {
  const { app, cmd, params, expect, failParams } = flags;
  if (app !== undefined && cmd !== undefined)
    throw new RuntimeError("config.invalid", "Give --app or --cmd, not both.");
  const isShipped = app === undefined && cmd === undefined;
  const types = flags.task.length > 0 ? flags.task : isShipped ? shipped.task : undefined;
  if (flags.allTasks && flags.task.length > 0)
    throw new RuntimeError("config.invalid", "Give --task or --all-tasks, not both.");
  const given = params ?? (isShipped && !flags.allTasks ? shipped.params : {});
  const expected = expect ?? (isShipped && params === undefined ? shipped.expect : undefined);
  const tasks = flags.allTasks ? undefined : types;
  return {
    ...commandOf(flags.app ?? shipped.app, cmd, args),
    environmentWith,
    require: [...flags.require, ...(cmd === undefined ? [fileOf(app ?? shipped.app)] : [])],
    workerId: flags.workerId ?? `test-worker-${randomUUID()}`,
    workerPort: flags.port,
    orchestratorPort: flags.orchestratorPort,
    timeoutMs: flags.timeout,
    deadlineMs: flags.deadline,
    pickupMs: flags.pickupTimeout,
    shutdownMs: flags.shutdownTimeout,
    heartbeats: flags.heartbeats,
    heartbeatTimeoutMs: flags.heartbeatTimeout,
    heartbeatIntervalMs: flags.heartbeatInterval,
    ...(tasks && { tasks }),
    paramsOf: (type) =>
      tasks?.length === 1
        ? given
        : (memberOf(given, type) ?? (tasks || flags.allTasks ? {} : given)),
    ...(expected !== undefined && { expect: expected }),
    statuses: flags.status.length > 0 ? flags.status : ["success"],
    ...(failParams !== undefined && { failParams }),
    probes: flags.probe,
    progress: flags.progress === true,
    cancel: flags.cancel === true,
    concurrency: flags.concurrency === true,
    retry: flags.retry === true,
    duplicate: flags.duplicate === true,
    restart: flags.restart === true,
    kill: flags.kill === true,
  };
}

/** How the worker is started: a command by the shell, Python by Python, task handlers by this same program. */
function commandOf(
  app: string,
  cmd: string | undefined,
  args: readonly string[],
): Pick<WorkerTestOptions, "file" | "args" | "name"> {
  if (cmd !== undefined)
    return { file: "/bin/sh", args: ["-c", `${cmd} "$@"`, "sh", ...args], name: cmd };
  if (app.endsWith(".py")) return { file: "python3", args: [app, ...args], name: app };
  const [, file, worker] = pythonExport.exec(app) ?? [];
  if (file !== undefined && worker !== undefined)
    return { file: "python3", args: ["-c", runPythonExport, file, worker, ...args], name: app };
  const program = [...process.execArgv, process.argv[1]!];
  return { file: process.execPath, args: [...program, "worker", "run", app, ...args], name: app };
}

/** Of a Python file: the worker object that it makes, which is told to `run()`. */
const pythonExport = /^(.+\.py):([A-Za-z_]\w*)$/;
const runPythonExport = `import runpy, sys
path, name = sys.argv[1:3]
sys.argv = [path, *sys.argv[3:]]
runpy.run_path(path)[name].run()`;

/** The file of `FILE:export`. */
const fileOf = (app: string): string =>
  app.replace(/(\.(?:py|[mc]?[jt]s)):[A-Za-z_$][\w$]*$/, "$1");

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

/** A test whose parent is gone has nobody to report to. */
function abortWithParent(signal: AbortSignal): AbortSignal {
  const gone = new AbortController();
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || gone.abort(), 500).unref();
  return AbortSignal.any([signal, gone.signal]);
}
