// What supervisors and Prometheus ask a worker over HTTP: whether it lives, whether it takes tasks, and its numbers.
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { RuntimeError } from "../src/errors.ts";

export interface Readiness {
  /** Whether at least one server is connected and the worker does not stop. */
  readonly isReady: boolean;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface HealthServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly readiness: () => Readiness;
  readonly metrics: () => string;
}

export class HealthServer {
  readonly #server: Server;
  /** The port that it listens on. */
  readonly port: number;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** @throws RuntimeError `server.port_in_use` */
  static async open({
    host,
    port,
    readiness,
    metrics,
  }: HealthServerOptions): Promise<HealthServer> {
    const answers: Readonly<Record<string, () => readonly [number, string, string]>> = {
      "/health": () => [200, "application/json", `{"status":"ok"}`],
      "/ready": () => {
        const { isReady, details } = readiness();
        const body = { status: isReady ? "ready" : "not_ready", ...details };
        return [isReady ? 200 : 503, "application/json", JSON.stringify(body)];
      },
      "/metrics": () => [200, "text/plain; version=0.0.4", metrics()],
    };
    const server = createServer((request, response) => {
      // Not as a URL: what a request names need not be one.
      const path = (request.url ?? "/").split("?", 1)[0]!;
      const answer = Object.hasOwn(answers, path) ? answers[path] : undefined;
      if (request.method !== "GET" && request.method !== "HEAD") {
        response.writeHead(405, { allow: "GET, HEAD" }).end();
        return;
      }
      const [status, type, body] = answer?.() ?? [404, "application/json", `{"error":"not found"}`];
      response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
      response.end(request.method === "HEAD" ? undefined : body);
    });
    try {
      await once(server.listen(port, host), "listening");
    } catch (cause) {
      const message = `${host}:${port} can't be listened on: ${(cause as Error).message}. Choose another WORKER_PORT.`;
      throw new RuntimeError("server.port_in_use", message, { host, port }, { cause });
    }
    // A worker that has nothing else to do may end.
    server.unref();
    return new HealthServer(server);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
