// How busy this process is, as heartbeats say it.
import { availableParallelism } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { WorkerLoad } from "../src/protocol/worker-load.ts";

/** How often the event loop is looked at. */
const lookMs = 100;

/** What the process uses between one heartbeat and the next. */
export class LoadMeter {
  #cpu = process.cpuUsage();
  #at = performance.now();

  /** @param loopLagMs the longest that the main thread was late since the last heartbeat */
  take(loopLagMs: number): WorkerLoad {
    const [cpu, at] = [process.cpuUsage(), performance.now()];
    const usedMs = (cpu.user - this.#cpu.user + cpu.system - this.#cpu.system) / 1000;
    const share = usedMs / Math.max(1, (at - this.#at) * availableParallelism());
    this.#cpu = cpu;
    this.#at = at;
    return {
      cpu: Math.min(1, rounded(share)),
      memory_bytes: process.memoryUsage.rss(),
      loop_lag_ms: rounded(Math.max(0, loopLagMs)),
    };
  }
}

/** How late the event loop of this thread gets to what is due. */
export class LoopLag {
  readonly #delays = monitorEventLoopDelay({ resolution: lookMs });

  constructor() {
    this.#delays.enable();
  }

  /** The longest since the last call, in milliseconds. */
  take(): number {
    const ms = this.#delays.max / 1e6 - lookMs;
    this.#delays.reset();
    return ms;
  }

  stop(): void {
    this.#delays.disable();
  }
}

const rounded = (value: number): number => Math.round(value * 1000) / 1000;
