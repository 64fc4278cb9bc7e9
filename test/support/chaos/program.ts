// A program of the chaos tests that can be killed, stopped and started again.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

export class Program {
  readonly name: string;
  readonly #file: string;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  /** What it has written to standard error, over all its lives. */
  errors = "";

  /** @param file a program of this folder */
  constructor(name: string, file: string, env: Readonly<Record<string, string>>) {
    this.name = name;
    this.#file = join(import.meta.dirname, file);
    this.#env = env;
  }

  start(): void {
    const child = spawn(process.execPath, ["--import", "tsx", "--conditions=source", this.#file], {
      env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...this.#env },
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.stderr!.on("data", (chunk: Buffer) => (this.errors += chunk.toString()));
    this.#child = child;
  }

  get isRunning(): boolean {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Send a signal that does not end it. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child?.kill(signal);
  }

  /** End it, and wait until it is gone. */
  async kill(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    if (!this.isRunning) return;
    const gone = once(this.#child!, "exit");
    // A stopped process hears nothing but SIGKILL.
    this.#child!.kill("SIGCONT");
    this.#child!.kill(signal);
    await gone;
  }
}
