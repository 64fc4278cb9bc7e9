// Results on disk until the server has them, so that not even the death of this process loses one.
import { access, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import type { Logger } from "pino";
import { z } from "zod";
import { RuntimeError } from "../src/errors.ts";
import { AttemptRef, TaskResult } from "../src/protocol/worker-frames.ts";
import { keyOf } from "./attempt-key.ts";
import { showLife, showsLife } from "./life-sign.ts";

/** Who a worker process is to a server: leases belong to the two names together. */
export const Instance = z.object({ worker_id: z.string(), instance_id: z.string().min(1) });
export type Instance = z.infer<typeof Instance>;

const Entry = z.object({
  format: z.literal(1),
  /** The server that gave the task. */
  url: z.url(),
  /** The encoded result frame. */
  frame: z.string(),
});

/** A result of a process that has ended without delivering it. */
export interface Leftover {
  readonly url: string;
  readonly ref: AttemptRef;
  readonly frame: string;
  /** Its file. */
  readonly path: string;
}

/** What a process that has ended left behind. */
export interface Remains {
  readonly instance: Instance;
  readonly folder: string;
  readonly leftovers: readonly Leftover[];
}

const instanceFile = "instance.json";
const resultFile = /^result-\d+\.json$/;
/** Files that can't be read go there, for people. */
const unreadableFolder = "unreadable";

export class OutboxFolder {
  readonly #directory: string;
  readonly #own: string;
  readonly #log: Logger;
  readonly #endLife: () => Promise<void>;
  readonly #files = new Map<string, string>();
  /** What in the directory is no worker's, and has been said to be so. */
  readonly #foreign = new Set<string>();
  #count = 0;

  private constructor(directory: string, own: string, log: Logger, endLife: () => Promise<void>) {
    this.#directory = directory;
    this.#own = own;
    this.#log = log;
    this.#endLife = endLife;
  }

  /**
   * Make a folder for this process in a directory that any number of workers of one machine may share.
   *
   * @throws RuntimeError `worker.outbox_unusable`
   */
  static async open(path: string, instance: Instance, log: Logger): Promise<OutboxFolder> {
    const directory = resolve(path);
    const own = join(directory, instance.instance_id);
    // Others see the folder only once its life can be seen, too.
    const unfinished = `${own}.new`;
    try {
      await mkdir(unfinished, { recursive: true, mode: 0o700 });
      await writeDurably(join(unfinished, instanceFile), JSON.stringify(instance));
      const endLife = await showLife(unfinished);
      await rename(unfinished, own);
      await syncFolder(directory);
      return new OutboxFolder(directory, own, log, endLife);
    } catch (cause) {
      const message = `Results can't be kept in ${directory}: ${(cause as Error).message}. It must be a writable directory on a local disk.`;
      throw new RuntimeError("worker.outbox_unusable", message, { directory }, { cause });
    }
  }

  /** Resolves when the result would survive the death of this process and of its machine. */
  async save(url: string, ref: AttemptRef, frame: string): Promise<void> {
    const path = join(this.#own, `result-${++this.#count}.json`);
    this.#files.set(keyOf(ref), path);
    const entry: z.infer<typeof Entry> = { format: 1, url, frame };
    await writeDurably(`${path}.new`, JSON.stringify(entry));
    // Delivered in the meantime, over a connection that was just made.
    if (!this.#files.has(keyOf(ref))) return rm(`${path}.new`);
    await rename(`${path}.new`, path);
    await syncFolder(this.#own);
  }

  /** The server has the result, or does not want it. */
  async remove(ref: AttemptRef): Promise<void> {
    const path = this.#files.get(keyOf(ref));
    this.#files.delete(keyOf(ref));
    if (path !== undefined) await this.discard(path);
  }

  /** Take over what processes have left behind that do not live any more: each is taken by one process. */
  async takeOver(): Promise<readonly Remains[]> {
    const found: Remains[] = [];
    for (const entry of await readdir(this.#directory, { withFileTypes: true })) {
      const { name } = entry;
      const folder = join(this.#directory, name);
      // One that is just being made has nothing in it yet.
      if (folder === this.#own || name === unreadableFolder || name.endsWith(".new")) continue;
      if (!entry.isDirectory() || !(await isThere(join(folder, instanceFile)))) {
        if (!this.#foreign.has(name))
          this.#log.warn({ path: folder }, "this is no worker's outbox; it is left alone");
        this.#foreign.add(name);
        continue;
      }
      if (await showsLife(folder)) continue;
      const taken = join(this.#own, name);
      try {
        await rename(folder, taken);
      } catch {
        // Another worker was faster.
        continue;
      }
      found.push(...(await this.#remainsIn(taken)));
    }
    return found;
  }

  /** The result in a file has been delivered. */
  async discard(path: string): Promise<void> {
    await rm(path, { force: true }).catch((error: unknown) =>
      // It will be delivered once more, which changes nothing.
      this.#log.warn({ err: error, path }, "a result that has arrived can't be removed"),
    );
  }

  /** All that a process left behind has been delivered. */
  async discardAll({ folder }: Remains): Promise<void> {
    await rm(folder, { recursive: true, force: true });
  }

  /** What is left is found by the next worker of this directory. */
  async close(): Promise<void> {
    await this.#endLife();
    const left = await readdir(this.#own, { recursive: true });
    if (!left.some((path) => resultFile.test(basename(path))))
      await rm(this.#own, { recursive: true, force: true });
  }

  /** Its own results, and those that it had taken over itself. */
  async #remainsIn(folder: string): Promise<readonly Remains[]> {
    const entries = await readdir(folder, { withFileTypes: true });
    const inner: Remains[] = [];
    for (const entry of entries)
      if (entry.isDirectory()) {
        const up = join(this.#own, entry.name);
        await rename(join(folder, entry.name), up);
        inner.push(...(await this.#remainsIn(up)));
      }
    const instance = await this.#read(join(folder, instanceFile), (text) =>
      Instance.parse(JSON.parse(text)),
    );
    if (!instance) return inner;
    const names = entries.filter(({ name }) => resultFile.test(name)).map(({ name }) => name);
    const read = await Promise.all(names.map((name) => this.#leftover(join(folder, name))));
    const leftovers = read.filter((one) => one !== undefined);
    if (leftovers.length > 0) return [...inner, { instance, folder, leftovers }];
    await rm(folder, { recursive: true, force: true });
    return inner;
  }

  #leftover(path: string): Promise<Leftover | undefined> {
    return this.#read(path, (text) => {
      const { url, frame } = Entry.parse(JSON.parse(text));
      const { task_id, attempt } = TaskResult.parse(JSON.parse(frame));
      return { url, ref: AttemptRef.parse({ task_id, attempt }), frame, path };
    });
  }

  /** What a file says; one that says nothing is put aside. */
  async #read<Content>(path: string, parse: (text: string) => Content) {
    try {
      return parse(await readFile(path, "utf8"));
    } catch (error) {
      this.#log.error({ err: error, path }, "a file of the outbox can't be read; it is put aside");
      const aside = join(this.#directory, unreadableFolder);
      await mkdir(aside, { recursive: true, mode: 0o700 });
      const name = `${basename(join(path, ".."))}-${basename(path)}`;
      await rename(path, join(aside, name)).catch(() => undefined);
      return undefined;
    }
  }
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** Names in a folder are durable once the folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
