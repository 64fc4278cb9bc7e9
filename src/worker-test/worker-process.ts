// The worker under test as a process group of its own: watched, drained, ended, and looked for afterwards.
import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { RuntimeError } from "../errors.ts";
import { TextTail } from "./text-tail.ts";

export interface WorkerCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called with what the worker says, as it says it. */
  readonly onOutput?: (chunk: Buffer) => void;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** In the environment of the worker and of all that it starts, wherever they put themselves. */
const markName = "AVTOMATIKA_WORKER_TEST";

export class WorkerProcess {
  readonly log = new TextTail(500);
  /** How it ended, once it has. */
  ending: Ending | undefined;
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #guard: ChildProcess;
  readonly #mark: string;
  readonly #killAtExit = (): void => this.#signal("SIGKILL");

  private constructor(
    child: ChildProcess,
    guard: ChildProcess,
    mark: string,
    onOutput?: (chunk: Buffer) => void,
  ) {
    this.#child = child;
    this.#guard = guard;
    this.#mark = mark;
    for (const stream of [child.stdout!, child.stderr!])
      stream.on("data", (chunk: Buffer) => {
        this.log.write(chunk);
        onOutput?.(chunk);
      });
    this.ended = once(child, "exit").then(([code, signal]) => {
      this.ending = { code, signal } as Ending;
      return this.ending;
    });
    process.once("exit", this.#killAtExit);
  }

  /** @throws RuntimeError `worker.load_failed` where it cannot be started at all */
  static async start({ file, args, env, onOutput }: WorkerCommand): Promise<WorkerProcess> {
    const mark = randomUUID();
    const guard = startGuard();
    const child = spawn(file, args, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...env, [markName]: mark },
    });
    if (child.pid !== undefined) guard.stdin!.write(`${child.pid}\n`);
    try {
      await once(child, "spawn");
    } catch (error) {
      guard.kill("SIGKILL");
      const message = `The worker can't be started: ${(error as Error).message}`;
      throw new RuntimeError("worker.load_failed", message, { file }, { cause: error });
    }
    return new WorkerProcess(child, guard, mark, onOutput);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Ask it to end. */
  terminate(): void {
    this.#signal("SIGTERM");
  }

  /** Processes of the worker that still run, but for the worker itself. */
  leftovers(): readonly number[] {
    return this.#marked().filter((pid) => pid !== this.pid || this.ending === undefined);
  }

  /** End whatever is left, the hard way. Resolves when nothing is. */
  async destroy(): Promise<void> {
    this.#signal("SIGKILL");
    if (!this.ending) await this.ended;
    for (let tries = 0; tries < 50 && this.#marked().length > 0; tries++) {
      for (const pid of this.#marked()) kill(pid, "SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    process.off("exit", this.#killAtExit);
    if (this.#guard.pid !== undefined) kill(-this.#guard.pid, "SIGKILL");
  }

  #signal(signal: NodeJS.Signals): void {
    kill(-this.pid, signal);
  }

  /** As Linux tells. Elsewhere only the process group is known, which `destroy` ends without looking. */
  #marked(): readonly number[] {
    const wanted = `${markName}=${this.#mark}`;
    return processIds().filter((pid) => isAlive(pid) && environmentOf(pid).includes(wanted));
  }
}

/**
 * Start a process that is told a process group, and ends it once this process is gone, however that happens: its end
 * of the pipe closes then. It is there before the group is, so that there is no moment without it.
 */
function startGuard(): ChildProcess {
  const script = 'read -r group && { cat >/dev/null; kill -s KILL -- "-$group"; }';
  const guard = spawn("/bin/sh", ["-c", script], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.unref();
  return guard;
}

function processIds(): readonly number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** One that has ended but was not fetched by its parent is nobody's trouble. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

function environmentOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return [];
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}
