// A process with a store of its own, for tests that kill it.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("store-program.ts", import.meta.url));

/** Runs `store-program.ts`; what it prints arrives as lines. */
export class StoreProcess {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  #ended = false;

  /**
   * @param verb what the program does with the store of `directory`, once it is told to `go`
   * @param fileBlocksMax how large its files may get, in blocks of 512 bytes: a disk that is soon full
   */
  constructor(verb: "hold" | "commit" | "fill", directory: string, fileBlocksMax?: number) {
    const limit = fileBlocksMax === undefined ? "" : `ulimit -f ${fileBlocksMax} && `;
    const command = [process.execPath, "--import", "tsx", program, verb, directory];
    this.#child = spawn("sh", ["-c", `${limit}exec "$@"`, "sh", ...command], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on("line", (line) => {
      this.lines.push(line);
      for (const wake of this.#waiting) wake();
    });
    lines.on("close", () => {
      this.#ended = true;
      for (const wake of this.#waiting) wake();
    });
  }

  /** The first line that begins with one of `words`. Fails if the program ends without one. */
  async line(...words: readonly string[]): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => words.some((word) => line.startsWith(word)));
      if (found !== undefined) return found;
      if (this.#ended) throw new Error(`The store process ended after: ${this.lines.join(" | ")}`);
      await this.#change();
    }
  }

  /** Resolves when so many lines have been printed. */
  async printed(count: number): Promise<void> {
    while (this.lines.length < count && !this.#ended) await this.#change();
  }

  async #change(): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
    });
  }

  /** Wait until the program is ready, and let it open its store. */
  async go(): Promise<void> {
    await this.line("ready");
    this.#child.stdin!.write("go\n");
  }

  /** Tell the program to close its store and end. */
  async end(): Promise<void> {
    this.#child.stdin!.end();
    await this.#gone();
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#gone();
  }

  async #gone(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null)
      await once(this.#child, "exit");
    while (!this.#ended) await this.#change();
  }
}
