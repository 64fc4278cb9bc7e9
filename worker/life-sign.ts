// Tells other processes that this one lives: it listens on a socket in a folder, and its death, however it comes, lets go.
import { closeSync, openSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join, relative } from "node:path";

const socketName = "alive.sock";
/** Most bytes of a path that every system takes as the address of a socket. */
const socketPathBytesMax = 103;

/**
 * Listen in a folder until the answer is called.
 *
 * @throws Error where the folder takes no socket.
 */
export async function showLife(folder: string): Promise<() => Promise<void>> {
  const server = createServer((socket) => socket.on("error", () => undefined).destroy());
  server.unref();
  await atAddress(
    folder,
    (address) =>
      new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(address, resolve);
      }),
  );
  return () => stopListening(server);
}

/** Whether the process lives that shows its life in the folder. When in doubt, yes. */
export function showsLife(folder: string): Promise<boolean> {
  return atAddress(
    folder,
    (address) =>
      new Promise((resolve) => {
        const socket = connect(address);
        socket.once("connect", () => {
          socket.destroy();
          resolve(true);
        });
        socket.once("error", ({ code }: NodeJS.ErrnoException) =>
          resolve(code !== "ECONNREFUSED" && code !== "ENOENT"),
        );
      }),
  );
}

/** A path that is too long for the address of a socket is shortened. */
async function atAddress<Answer>(
  folder: string,
  use: (address: string) => Promise<Answer>,
): Promise<Answer> {
  const candidates = [folder, relative(process.cwd(), folder)].map((path) =>
    join(path, socketName),
  );
  const short = candidates.find((path) => Buffer.byteLength(path) <= socketPathBytesMax);
  if (short !== undefined) return use(short);
  const handle = openSync(folder, "r");
  try {
    return await use(`/proc/self/fd/${handle}/${socketName}`);
  } finally {
    closeSync(handle);
  }
}

/** Node removes the socket's file, too. */
async function stopListening(server: Server): Promise<void> {
  if (server.listening) await new Promise((resolve) => server.close(resolve));
}
