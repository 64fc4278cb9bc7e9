// One server per directory: the holder listens on a socket in it, so that its death, however it comes, lets go.
import { closeSync, openSync, readdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join, relative } from "node:path";
import { RuntimeError } from "../../errors.ts";
import { newEpoch } from "../epoch.ts";
import { keys, Tables, type Database } from "./tables.ts";

/** Most bytes of a path that every system takes as the address of a socket. */
const socketPathBytesMax = 103;
const socketName = /^server-[0-9a-z]+\.sock$/;

export class DataLock {
  readonly #database: Database;
  readonly #path: string;
  readonly #directory: SocketDirectory;
  readonly #name: string;
  readonly #server: Server;

  private constructor(
    database: Database,
    path: string,
    directory: SocketDirectory,
    name: string,
    server: Server,
  ) {
    this.#database = database;
    this.#path = path;
    this.#directory = directory;
    this.#name = name;
    this.#server = server;
  }

  /**
   * Hold a directory. The holder's name is in the database, where a transaction compares and swaps it: of several
   * that find the same dead holder, one gets the directory.
   *
   * @throws RuntimeError `store.in_use` while its holder lives.
   */
  static async acquire(path: string, database: Database): Promise<DataLock> {
    const directory = new SocketDirectory(path);
    const name = `server-${newEpoch()}.sock`;
    let server: Server | undefined;
    try {
      server = await listen(directory.address(name), path);
      await takeOver(database, directory, name, path);
      await removeDeadSockets(path, directory, name);
      return new DataLock(database, path, directory, name, server);
    } catch (error) {
      await stopListening(server);
      directory.close();
      throw error;
    }
  }

  /** Let go. The database must still be open. */
  async release(): Promise<void> {
    const tables = new Tables(this.#database, this.#path);
    this.#database.transactionSync(() => {
      if (tables.get(keys.holder) === this.#name) tables.remove(keys.holder);
    });
    await stopListening(this.#server);
    this.#directory.close();
  }
}

/** The refusal of a directory that has a holder. */
export function inUse(path: string): RuntimeError {
  return new RuntimeError(
    "store.in_use",
    `Another server holds the data directory ${path}. Stop it first, or give this server a directory of its own.`,
    { directory: path },
  );
}

/** Put `name` in the place of a holder that does not answer, or of none. */
async function takeOver(
  database: Database,
  directory: SocketDirectory,
  name: string,
  path: string,
): Promise<void> {
  const tables = new Tables(database, path);
  let dead: string | undefined;
  for (;;) {
    const holder = database.transactionSync(() => {
      const current = tables.get(keys.holder);
      if (current !== undefined && current !== dead) return current;
      tables.put(keys.holder, name);
      return name;
    });
    if (holder === name) return;
    if (await answers(directory.address(holder))) throw inUse(path);
    dead = holder;
  }
}

/** Names are never used twice, so a socket that nobody listens on stays dead. */
async function removeDeadSockets(
  path: string,
  directory: SocketDirectory,
  own: string,
): Promise<void> {
  const others = readdirSync(path).filter((file) => socketName.test(file) && file !== own);
  for (const file of others)
    if (!(await answers(directory.address(file)))) rmSync(join(path, file), { force: true });
}

/** Whether somebody listens. When in doubt, yes: two servers on one directory are worse than none. */
function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== "ECONNREFUSED" && code !== "ENOENT"),
    );
  });
}

function listen(address: string, path: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.destroy();
  });
  server.unref();
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new RuntimeError(
          "store.unusable",
          `The data directory ${path} takes no sockets (${cause.message}). It must be writable and on a local disk.`,
          { directory: path },
          { cause },
        ),
      ),
    );
    server.listen(address, () => resolve(server));
  });
}

/** Node removes the socket's file, too. */
async function stopListening(server: Server | undefined): Promise<void> {
  if (server?.listening) await new Promise((resolve) => server.close(resolve));
}

/** Addresses of the sockets in a directory: a path that is too long for an address is shortened. */
class SocketDirectory {
  readonly #path: string;
  readonly #handle: number | undefined;

  constructor(path: string) {
    this.#path = path;
    const name = `server-${newEpoch()}.sock`;
    const candidates = [path, relative(process.cwd(), path)];
    const short = candidates.find((prefix) => fits(join(prefix, name)));
    if (short !== undefined) this.#path = short;
    else if (process.platform === "linux") {
      this.#handle = openSync(path, "r");
      this.#path = `/proc/self/fd/${this.#handle}`;
    } else
      throw new RuntimeError(
        "store.unusable",
        `The path of the data directory ${path} is too long for a socket in it: at most ${socketPathBytesMax - name.length - 1} bytes. Choose a shorter one.`,
        { directory: path },
      );
  }

  address(name: string): string {
    return join(this.#path, name);
  }

  close(): void {
    if (this.#handle !== undefined) closeSync(this.#handle);
  }
}

function fits(address: string): boolean {
  return Buffer.byteLength(address) <= socketPathBytesMax;
}
