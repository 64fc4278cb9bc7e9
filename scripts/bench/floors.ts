// What this machine can do at all, measured between the rounds of a benchmark, so that its figures can be read as ratios.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { LoopFigures } from "./closed-loop.ts";
import { stockStepsPerSecond } from "./kernel.ts";
import { runScript, stop } from "./processes.ts";

/** All by CPU or wall time of this machine, each the least that an echo job needs of its kind. */
export interface Floors {
  /** A bare `node:http` POST, with what it costs the server. */
  readonly post1: LoopFigures & { readonly serverCpuMs: number };
  readonly post100: LoopFigures & { readonly serverCpuMs: number };
  /** A WebSocket round trip. */
  readonly message1: LoopFigures;
  /** A row in a flushed LMDB transaction. */
  readonly commit1: LoopFigures;
  readonly commit100: LoopFigures;
  /** Steps of stock XState in a second of CPU time, JSON both ways: the yardstick of the machine. */
  readonly stockSteps: number;
}

const floorMs = "1000";

export async function measureFloors(): Promise<Floors> {
  const script = join(import.meta.dirname, "floor-server.ts");
  const server = spawn(process.execPath, ["--import", "tsx", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [url] = (await once(server.stdout, "data")) as [Buffer];
    const trips = await runScript("floor-client.ts", {
      url: String(url).trim(),
      ms: floorMs,
    });
    const commits = await runScript("floor-commits.ts", { ms: floorMs });
    return { ...(trips as Floors), ...(commits as Floors), stockSteps: stockStepsPerSecond() };
  } finally {
    await stop(server);
  }
}
