// A redis-server of the bench's own, with the settings that a figure is for.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpuSeconds, freePort, stop, until } from "./processes.ts";

export interface BenchRedis {
  readonly port: number;
  /** CPU that it has used so far, in milliseconds. */
  cpuMs(): number;
  /** One command without arguments that need quoting; the raw answer. */
  ask(command: string): Promise<string>;
  close(): Promise<void>;
}

/** @param fsync what `appendfsync` is set to */
export async function startBenchRedis(fsync: "everysec" | "always"): Promise<BenchRedis> {
  const directory = mkdtempSync(join(tmpdir(), "avtomatika-bench-redis-"));
  const port = await freePort();
  const settings = [
    "--appendonly",
    "yes",
    "--appendfsync",
    fsync,
    "--save",
    "",
    "--dir",
    directory,
  ];
  const where = ["--port", `${port}`, "--bind", "127.0.0.1", "--maxmemory-policy", "noeviction"];
  const child: ChildProcess = spawn("redis-server", [...where, ...settings], { stdio: "ignore" });
  const ask = (command: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => socket.write(`${command}\r\n`));
      let text = "";
      socket.setEncoding("utf8").on("data", (data: string) => {
        text += data;
        // A bulk answer says how long it is.
        const bytes = /^\$(\d+)\r\n/.exec(text);
        if (bytes ? text.length >= bytes[0].length + Number(bytes[1]) : text.endsWith("\r\n")) {
          socket.destroy();
          resolve(text);
        }
      });
      socket.on("error", reject);
    });
  await until(child, async () => (await ask("PING")) === "+PONG\r\n");
  return {
    port,
    cpuMs: () => cpuSeconds(child.pid!) * 1000,
    ask,
    async close() {
      await stop(child);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
