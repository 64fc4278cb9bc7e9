// A worker as others watch it: its numbers, and the small HTTP server that tells them, where a port is named for it.
import { HealthServer } from "./health-server.ts";
import { Metrics, type Ending, type MetricsNow } from "./metrics.ts";
import type { WorkerSettings } from "./options.ts";

export interface MonitorOptions {
  readonly settings: WorkerSettings;
  readonly now: () => MetricsNow & { readonly isStopping: boolean };
}

export class Monitor {
  readonly #options: MonitorOptions;
  readonly #metrics = new Metrics();
  #server: HealthServer | undefined;

  constructor(options: MonitorOptions) {
    this.#options = options;
  }

  /** The port on which `/health`, `/ready` and `/metrics` are served; undefined where they are not. */
  get port(): number | undefined {
    return this.#server?.port;
  }

  /** @throws RuntimeError `server.port_in_use` */
  async start(): Promise<void> {
    const { settings, now } = this.#options;
    const { host, port, id, log } = settings;
    if (port === undefined || this.#server) return;
    this.#metrics.start();
    this.#server = await HealthServer.open({
      host,
      port,
      metrics: () => this.#metrics.text(now()),
      readiness: () => {
        const { orchestrators, isStopping, running, slots } = now();
        return {
          isReady: !isStopping && orchestrators.some(({ isConnected }) => isConnected),
          details: {
            worker_id: id,
            stopping: isStopping,
            slots,
            running: [...running.values()].reduce((sum, count) => sum + count, 0),
            orchestrators: orchestrators.map(({ url, isConnected }) => ({
              url,
              connected: isConnected,
            })),
          },
        };
      },
    });
    log.info({ host, port: this.#server.port }, "health and metrics are served");
  }

  ended(type: string, ending: Ending, ms: number): void {
    this.#metrics.ended(type, ending, ms);
  }

  async stop(): Promise<void> {
    this.#metrics.stop();
    await this.#server?.close();
    this.#server = undefined;
  }
}
