// Where workers connect: takes upgrades of the worker path, and keeps one session per worker process.
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type ServerOptions, type WebSocket } from "ws";
import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import {
  closeCodes,
  frameBytesMax,
  workerSubprotocol,
  type Hello,
} from "../protocol/worker-frames.ts";
import type { WorkerService } from "../runtime/runtime.ts";
import { FrameSocket, type FrameSocketLimits } from "./frame-socket.ts";
import { protocolVersion, Session, type SessionLimits } from "./session.ts";
import { isForWorkers, refusalOf, refuseUpgrade, type Authenticate } from "./upgrade.ts";

export interface GatewayLimits extends FrameSocketLimits, SessionLimits {
  /** How long a connection may last without its hello. */
  readonly helloMs: number;
  /** Workers are told to come back after up to this long, each at its own moment. */
  readonly reconnectMs: number;
}

export const gatewayLimits: GatewayLimits = {
  helloMs: 5_000,
  heartbeatMs: 10_000,
  heartbeatsMissedMax: 3,
  acceptMs: 5_000,
  progressMs: 100,
  bufferedBytesMax: 1024 * 1024,
  slowConsumerMs: 30_000,
  closeMs: 1_000,
  reconnectMs: 2_000,
};

export interface GatewayOptions {
  readonly workers: WorkerService;
  readonly authenticate: Authenticate;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where other than `gatewayLimits`. */
  readonly limits?: Partial<GatewayLimits>;
  /** From 0 to below 1; spreads reconnections. */
  readonly random?: () => number;
}

export interface Gateway {
  /**
   * Take an `upgrade` of the HTTP server.
   *
   * @returns false where the request is not for the worker path; it is still the caller's then.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /**
   * Tell all workers to go, give them `graceMs` to deliver what they finish, then hang up.
   * Their attempts stay leased, so they go on over the reconnection.
   */
  close(graceMs: number): Promise<void>;
}

/** What ws can limit; its own defaults would let one frame take 100 MiB. The types of ws lack the last two. */
const socketLimits: ServerOptions & { maxFragments: number; maxBufferedChunks: number } = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: frameBytesMax,
  maxFragments: 64,
  maxBufferedChunks: 1_024,
  handleProtocols: () => workerSubprotocol,
};

export function createGateway(options: GatewayOptions): Gateway {
  const { workers, authenticate, clock, log, random = Math.random } = options;
  const limits = { ...gatewayLimits, ...options.limits };
  const server = new WebSocketServer(socketLimits);
  const sockets = new Set<FrameSocket>();
  /** By holder; an entry stays until the runtime has finished taking its session in. */
  const entries = new Map<string, Entry>();
  let closing = false;

  return {
    handleUpgrade(request, socket, head) {
      if (!isForWorkers(request)) return false;
      const refusal = closing
        ? ({ code: "server.stopping", message: "The server is stopping." } as const)
        : refusalOf(request, authenticate);
      if (refusal) {
        log.info({ code: refusal.code, from: request.socket.remoteAddress }, "worker refused");
        refuseUpgrade(socket, refusal);
      } else {
        server.handleUpgrade(request, socket, head, converse);
      }
      return true;
    },

    async close(graceMs) {
      closing = true;
      for (const { session } of entries.values())
        session.goaway("the server is stopping", Math.round(random() * limits.reconnectMs));
      const hangUp = (): void => {
        for (const socket of sockets) socket.close(closeCodes.draining, "the server is stopping");
      };
      const grace = clock.schedule(graceMs, hangUp);
      await Promise.all([...sockets].map(({ closed }) => closed));
      grace.cancel();
    },
  };

  /** Wait for the hello of a new connection, then let a session do the talking. */
  function converse(webSocket: WebSocket): void {
    let session: Session | undefined;
    const socket = new FrameSocket(webSocket, clock, limits, {
      onFrame(frame) {
        if (session) session.take(frame);
        else if (frame.type === "hello") session = introduce(frame, socket);
        else
          socket.fail("protocol.frame_unexpected", `The first frame is hello, not ${frame.type}.`);
      },
      onSlow: (slow) => session?.setSlow(slow),
      onEnd(code, reason) {
        helloTimeout.cancel();
        const level = troubleCodes.has(code) ? "warn" : "debug";
        log[level]({ workerId: session?.workerId, code, reason }, "worker connection ended");
        if (!session) return;
        session.end();
        forget(session);
      },
    });
    const helloTimeout = clock.schedule(limits.helloMs, () => {
      if (!session)
        socket.fail("protocol.hello_timeout", `There was no hello within ${limits.helloMs} ms.`);
    });
    sockets.add(socket);
    void socket.closed.then(() => sockets.delete(socket));
  }

  function introduce(hello: Hello, socket: FrameSocket): Session | undefined {
    if (closing) {
      socket.close(closeCodes.draining, "the server is stopping");
      return undefined;
    }
    if (!hello.protocols.includes(protocolVersion)) {
      socket.fail(
        "protocol.version_unsupported",
        `This server speaks version ${protocolVersion}, not ${hello.protocols.join(", ")}.`,
      );
      return undefined;
    }
    const id = randomUUID();
    const session = new Session(hello, {
      id,
      workers,
      socket,
      clock,
      limits,
      log: log.child({ workerId: hello.worker_id, session: id }),
    });
    // The same process again: its older connection is dead or about to be. The runtime hears of one after the other,
    // or the older introduction, were it slower, would replace the newer session.
    const older = entries.get(session.holder);
    older?.socket.close(closeCodes.superseded, "connected again");
    const opening = Promise.resolve(older?.opening).then(() => session.open(hello));
    entries.set(session.holder, { session, socket, opening });
    return session;
  }

  function forget(session: Session): void {
    const entry = entries.get(session.holder);
    if (entry?.session !== session) return;
    void entry.opening.then(() => {
      if (entries.get(session.holder) === entry) entries.delete(session.holder);
    });
  }
}

/** Connections that end so are somebody's mistake, or a worker in trouble. */
const troubleCodes: ReadonlySet<number> = new Set([
  closeCodes.unresponsive,
  closeCodes.protocol,
  closeCodes.slow_consumer,
]);

interface Entry {
  readonly session: Session;
  readonly socket: FrameSocket;
  /** Resolves when the runtime has taken the session in, or has refused to. Never rejects. */
  readonly opening: Promise<void>;
}
