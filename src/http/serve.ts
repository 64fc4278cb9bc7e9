// One port for everything: HTTP goes to the application, WebSocket upgrades to whoever takes them.
import { createServer, IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIPv6, type AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { RuntimeError } from "../errors.ts";
import { refusalAnswer, refuseUpgrade } from "../socket/upgrade-request.ts";

export interface Place {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

export interface Takers {
  /** Takes a request before the application, or returns false where it is not for it. */
  readonly onRequest?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Takes an upgrade, or returns false where it is not for it. */
  readonly onUpgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;
}

export interface HttpServer {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  readonly server: Server;
  /** Answer from now on. Until then everybody is told to come again. */
  answer(app: Pick<Hono, "fetch">, takers?: Takers): void;
  /**
   * Take no new connections, let requests that are under way be answered, and cut those that are
   * not after `graceMs`. Resolves when the port is free.
   */
  close(graceMs?: number): Promise<void>;
}

/**
 * Node hands over whatever asks for an upgrade of any kind. Only WebSockets are one here: who offers HTTP/2 besides (the
 * HttpClient of Java, `curl --http2`) is answered in the protocol that it asked in, as RFC 9110 (7.8) allows.
 */
class Request extends IncomingMessage {
  asks: unknown;

  get upgrade(): boolean {
    return this.asks === true && this.headers.upgrade?.toLowerCase() === "websocket";
  }

  /** Node says here what it has read. */
  set upgrade(asks: unknown) {
    this.asks = asks;
  }
}

/** Whoever is slower than this, in milliseconds, is not served: open sockets are few. */
const serverOptions = {
  IncomingMessage: Request,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 16 * 1024,
};

/**
 * Listen, and answer.
 *
 * @throws RuntimeError `server.port_in_use` where another process has the port
 */
export async function serve(
  app: Pick<Hono, "fetch">,
  { host, port, ...takers }: Place & Takers,
): Promise<HttpServer> {
  const http = await listenAt({ host, port });
  http.answer(app, takers);
  return http;
}

/**
 * Listen, before there is anything to answer with: whoever comes is told so by a 503 `server.not_ready`.
 *
 * @throws RuntimeError `server.port_in_use` where another process has the port
 */
export async function listenAt({ host, port }: Place): Promise<HttpServer> {
  let takeRequest = putOff;
  let takeUpgrade: NonNullable<Takers["onUpgrade"]> = (_, socket) => {
    refuseUpgrade(socket, notReady);
    return true;
  };
  const server = createServer(serverOptions, (request, response) => takeRequest(request, response));
  const unused = unusedConnections(server);
  server.on("upgrade", (request, socket, head) => {
    if (takeUpgrade(request, socket, head)) return;
    const message = "There is no WebSocket at this path.";
    refuseUpgrade(socket, { code: "request.not_found", message });
  });
  await listen(server, host, port);
  const address = server.address() as AddressInfo;
  return {
    url: `http://${isIPv6(host) ? `[${host}]` : host}:${address.port}`,
    port: address.port,
    server,
    answer(app, { onRequest, onUpgrade = () => false } = {}) {
      const listener = getRequestListener(app.fetch, { hostname: "localhost" });
      takeRequest = (request, response) => {
        if (!onRequest?.(request, response)) void listener(request, response);
      };
      takeUpgrade = onUpgrade;
    },
    close: (graceMs = 2_000) =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), graceMs);
        // A connection that has just been answered is kept alive for a next request: there will be none.
        const sweep = setInterval(() => server.closeIdleConnections(), 20);
        server.close(() => {
          clearTimeout(cut);
          clearInterval(sweep);
          resolve();
        });
        for (const socket of unused) socket.destroy();
      }),
  };
}

/**
 * The connections on which nothing has been asked yet. Browsers and `fetch` open such ones in advance, and closing a
 * server waits for them as if a request were under way.
 */
function unusedConnections(server: Server): ReadonlySet<Duplex> {
  const unused = new Set<Duplex>();
  const use = ({ socket }: IncomingMessage): void => void unused.delete(socket);
  server.on("connection", (socket) => {
    unused.add(socket);
    socket.once("close", () => unused.delete(socket));
  });
  server.on("request", use).on("upgrade", use);
  return unused;
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException): void => reject(listenFailure(error, host, port));
    server.once("error", refuse);
    server.listen(port, host, () => {
      server.off("error", refuse);
      resolve();
    });
  });
}

function listenFailure(error: NodeJS.ErrnoException, host: string, port: number): RuntimeError {
  const details = { host, port, reason: error.code };
  if (error.code === "EADDRINUSE")
    return new RuntimeError(
      "server.port_in_use",
      `Port ${port} of ${host} is in use by another process. Stop that, or choose another port with --port or API_PORT.`,
      details,
      { cause: error },
    );
  return new RuntimeError(
    "config.invalid",
    `Cannot listen at ${host}, port ${port}: ${error.message}. Choose another address with --host and --port.`,
    details,
    { cause: error },
  );
}

const notReady = { code: "server.not_ready", message: "The server is starting." } as const;

/** What everybody is told for whom there is nothing else yet. */
function putOff(_: IncomingMessage, response: ServerResponse): void {
  const { status, headers, body } = refusalAnswer(notReady);
  response.writeHead(status, headers).end(body);
}
