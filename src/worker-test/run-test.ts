// Runs a test of a worker from its start to the last process that it leaves behind.
import { existsSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { RuntimeError } from "../errors.ts";
import { Bench, CheckFailed, CheckSkipped, type Check } from "./check.ts";
import {
  answersAt,
  behaves,
  comesBack,
  endsWhenTold,
  introducesItself,
  leavesNothing,
  pollsAgain,
  registers,
  sendsHeartbeats,
} from "./life-checks.ts";
import type { WorkerTestOptions } from "./options.ts";
import { TestOrchestrator } from "./orchestrator.ts";
import {
  bearsDuplicate,
  doesTask,
  failsTask,
  heedsCancellation,
  keepsItsLimit,
  refusesUnknownTask,
  reportsProgress,
  sendsResultAgain,
} from "./task-checks.ts";
import { WorkerProcess } from "./worker-process.ts";

/** What a test ends with. */
export const testExitCodes = {
  passed: 0,
  failed: 1,
  environment: 2,
  skipped: 3,
  timeout: 124,
  interrupted: 130,
} as const;
export type TestOutcome = keyof typeof testExitCodes;

export interface CheckReport {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  readonly durationMs: number;
  /** What was seen, or what is wrong. */
  readonly message: string;
}

export interface TestReport {
  readonly outcome: TestOutcome;
  /** Why there is no other outcome; absent where the checks say it all. */
  readonly reason?: string;
  readonly name: string;
  readonly workerId: string;
  readonly durationMs: number;
  readonly checks: readonly CheckReport[];
  readonly workerLog: readonly string[];
  readonly orchestratorLog: readonly string[];
}

export interface Watcher {
  readonly onCheck?: (check: CheckReport) => void;
  readonly onOutput?: (chunk: Buffer) => void;
}

/**
 * Test a worker. Whatever happens, its processes are gone and its ports free when this resolves.
 *
 * @param interrupted Aborted where the test is to end early.
 */
export async function testWorker(
  options: WorkerTestOptions,
  interrupted: AbortSignal,
  watcher: Watcher = {},
): Promise<TestReport> {
  const began = performance.now();
  const { name, workerId } = options;
  const checks: CheckReport[] = [];
  let orchestrator: TestOrchestrator | undefined;
  let worker: WorkerProcess | undefined;
  const report = (outcome: TestOutcome, reason?: string): TestReport => ({
    outcome,
    ...(reason !== undefined && { reason }),
    name,
    workerId,
    durationMs: Math.round(performance.now() - began),
    checks,
    workerLog: worker?.log.lines() ?? [],
    orchestratorLog: orchestrator?.log.lines() ?? [],
  });

  const missing = options.require.filter((file) => !existsSync(file));
  if (missing.length > 0) return report("skipped", `Not found: ${missing.join(", ")}`);
  const overtime = AbortSignal.timeout(options.deadlineMs);
  const signal = AbortSignal.any([interrupted, overtime]);
  try {
    orchestrator = await TestOrchestrator.start({
      port: options.orchestratorPort,
      heartbeatMs: options.heartbeatIntervalMs,
      pollMs: Math.min(1_000, options.heartbeatIntervalMs),
    });
    const workerPort =
      options.workerPort === 0 && options.probes.length > 0 ? await freePort() : options.workerPort;
    worker = await WorkerProcess.start({
      ...options,
      env: options.environmentWith({
        ORCHESTRATOR_URL: orchestrator.url,
        WORKER_ID: workerId,
        WORKER_TOKEN: orchestrator.token,
        WORKER_INDIVIDUAL_TOKEN: orchestrator.token,
        HEARTBEAT_INTERVAL: `${options.heartbeatIntervalMs / 1000}`,
        WORKER_ENABLE_WEBSOCKETS: "true",
        ...(workerPort > 0 && { WORKER_PORT: `${workerPort}`, PORT: `${workerPort}` }),
      }),
      ...(watcher.onOutput && { onOutput: watcher.onOutput }),
    });
    const bench = new Bench(orchestrator, worker, { ...options, workerPort }, signal);
    await runChecks(bench, (check) => {
      checks.push(check);
      watcher.onCheck?.(check);
    });
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    const words =
      error.code === "server.port_in_use"
        ? `Port ${options.orchestratorPort} is in use: choose another one with --orchestrator-port, or 0 for a free one.`
        : error.message;
    return report("environment", words);
  } finally {
    await worker?.destroy();
    await orchestrator?.close();
  }
  if (worker && orchestrator.introductions.length === 0 && isNoCommand(worker.ending))
    return report("environment", `The command can't be run: ${worker.log.lines().at(-1) ?? name}`);
  if (interrupted.aborted) return report("interrupted", "The test was told to end.");
  if (overtime.aborted)
    return report("timeout", `The test took longer than ${options.deadlineMs / 1000} s.`);
  return report(checks.some(({ outcome }) => outcome === "failed") ? "failed" : "passed");
}

/** What a shell says of a command that is not there, or that it may not run. */
function isNoCommand(ending: WorkerProcess["ending"]): boolean {
  return ending?.code === 126 || ending?.code === 127;
}

async function runChecks(bench: Bench, onCheck: (check: CheckReport) => void): Promise<void> {
  const run = async (check: Check): Promise<boolean> => {
    if (bench.signal.aborted) return false;
    const result = await reportOf(check, bench);
    if (bench.signal.aborted) return false;
    onCheck(result);
    return result.outcome !== "failed" || check.isVital !== true;
  };
  let goesOn = true;
  for (const check of beginning(bench)) goesOn &&= await run(check);
  // What follows depends on what the worker has said of itself.
  if (goesOn) for (const check of middle(bench)) goesOn &&= await run(check);
  if (goesOn) await run(behaves);
  if (!bench.worker.ending) await run(endsWhenTold);
  await run(leavesNothing);
}

function beginning({ options }: Bench): readonly Check[] {
  return [
    registers,
    introducesItself,
    sendsHeartbeats,
    pollsAgain,
    ...options.probes.map((path) => answersAt(path, options.workerPort)),
  ];
}

function middle({ options, introduction }: Bench): readonly Check[] {
  const types = options.tasks ?? introduction.types;
  return [
    ...types.map((type, n) => doesTask(type, n === 0 ? options.expect : undefined)),
    refusesUnknownTask,
    ...(options.failParams === undefined ? [] : [failsTask(options.failParams)]),
    ...(options.progress ? [reportsProgress] : []),
    ...(options.cancel ? [heedsCancellation] : []),
    ...(options.concurrency ? [keepsItsLimit] : []),
    ...(options.retry ? [sendsResultAgain] : []),
    ...(options.duplicate ? [bearsDuplicate] : []),
    ...(options.restart ? [comesBack] : []),
  ];
}

async function reportOf(check: Check, bench: Bench): Promise<CheckReport> {
  const began = performance.now();
  const done = (outcome: CheckReport["outcome"], message: string): CheckReport => ({
    name: check.name,
    outcome,
    durationMs: Math.round(performance.now() - began),
    message,
  });
  try {
    return done("passed", await check.run(bench));
  } catch (error) {
    if (error instanceof CheckSkipped) return done("skipped", error.message);
    if (error instanceof CheckFailed) return done("failed", error.message);
    throw error;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
