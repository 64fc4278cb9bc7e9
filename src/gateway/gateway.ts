// Where workers connect: takes upgrades of the worker path, and keeps one session per worker process.
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
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
import { protocolVersions } from "../protocol/worker-limits.ts";
import type { Relay, WorkerService } from "../runtime/runtime.ts";
import { FrameSocket, type FrameSocketLimits } from "../socket/frame-socket.ts";
import {
  createOlderDialect,
  olderDialectLimits,
  type OlderDialectLimits,
} from "./older/older-dialect.ts";
import { HelloPages } from "./hello-pages.ts";
import { Session, type WorkerSocket, type SessionLimits } from "./session.ts";
import { decodeMessage, workerFrames } from "../protocol/message.ts";
import { refuseUpgrade } from "../socket/upgrade-request.ts";
import { askedBy, refusalOf } from "./upgrade.ts";
import type { Proof, WorkerTokens } from "./worker-tokens.ts";

export interface GatewayLimits extends FrameSocketLimits, SessionLimits, OlderDialectLimits {
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
  streamWindowBytes: 256 * 1024,
  streamCreditMs: 100,
  bufferedBytesMax: 1024 * 1024,
  slowConsumerMs: 30_000,
  closeMs: 1_000,
  reconnectMs: 2_000,
  ...olderDialectLimits,
};

export interface GatewayOptions {
  readonly workers: WorkerService;
  readonly tokens: WorkerTokens;
  /** To the gateways of other nodes, where there may be some. */
  readonly relay?: Relay;
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
   * Take a request of the older dialect.
   *
   * @returns false where it is none; it is still the caller's then.
   */
  handleRequest(request: IncomingMessage, response: ServerResponse): boolean;
  /** The tokens have been replaced: hang up on those whose tokens are not good any more. */
  recheckTokens(): void;
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
};

export function createGateway(options: GatewayOptions): Gateway {
  const { workers, tokens, relay, clock, log, random = Math.random } = options;
  const limits = { ...gatewayLimits, ...options.limits };
  const server = new WebSocketServer({ ...socketLimits, handleProtocols: () => workerSubprotocol });
  const olderServer = new WebSocketServer({ ...socketLimits, handleProtocols: () => false });
  const older = createOlderDialect({ workers, tokens, relay, clock, limits, log });
  const sockets = new Set<WorkerSocket>();
  /** By holder; an entry stays until the runtime has finished taking its session in. */
  const entries = new Map<string, Entry>();
  let closing = false;

  return {
    handleUpgrade(request, socket, head) {
      const asked = askedBy(request);
      if (!asked) return false;
      const proof = tokens.prove(request.headers);
      const refusal = closing
        ? ({ code: "server.stopping", message: "The server is stopping." } as const)
        : refusalOf(request, asked, proof);
      if (refusal || proof.outcome !== "ok") {
        const { code, message } = refusal!;
        log.info({ code, from: request.socket.remoteAddress }, "worker refused");
        refuseUpgrade(socket, { code, message });
      } else if (asked.dialect === "frames") {
        server.handleUpgrade(request, socket, head, (webSocket) => converse(webSocket, proof));
      } else {
        const workerId = asked.workerId ?? proof.workerId;
        const isStillWelcome = (): boolean => {
          const now = tokens.prove(request.headers);
          return now.outcome === "ok" && (workerId === undefined || now.isFor(workerId));
        };
        olderServer.handleUpgrade(request, socket, head, (webSocket) =>
          older.sockets.take(webSocket, workerId, isStillWelcome),
        );
      }
      return true;
    },

    handleRequest: older.handleRequest,

    recheckTokens() {
      older.sockets.recheck();
      for (const { session, socket, proof } of entries.values())
        if (unfitFor(session.workerId, session.types.keys(), proof) !== undefined)
          socket.close(closeCodes.auth, "the token is not good any more");
    },

    async close(graceMs) {
      closing = true;
      for (const { session } of entries.values())
        session.goaway("the server is stopping", Math.round(random() * limits.reconnectMs));
      const hangUp = (): void => {
        for (const socket of sockets) socket.close(closeCodes.draining, "the server is stopping");
      };
      const grace = clock.schedule(graceMs, hangUp);
      await Promise.all([older.close(limits.closeMs), ...[...sockets].map(({ closed }) => closed)]);
      grace.cancel();
    },
  };

  /** Wait for the hello of a new connection, then let a session do the talking. */
  function converse(webSocket: WebSocket, proof: Proven): void {
    let session: Session | undefined;
    const pages: HelloPages = new HelloPages(() => socket);
    const socket: WorkerSocket = new FrameSocket(webSocket, clock, limits, {
      decode: (text) => decodeMessage(text, workerFrames),
      onFrame(frame) {
        if (session) return session.take(frame);
        const hello = pages.take(frame);
        if (hello) session = introduce(hello, socket, proof);
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

  function introduce(hello: Hello, socket: WorkerSocket, proof: Proven): Session | undefined {
    if (closing) {
      socket.close(closeCodes.draining, "the server is stopping");
      return undefined;
    }
    const protocol = commonVersion(hello.protocols, protocolVersions);
    if (protocol === undefined) {
      const spoken = protocolVersions.join(", ");
      socket.fail(
        "protocol.version_unsupported",
        `This server speaks version ${spoken}, not ${hello.protocols.join(", ")}.`,
      );
      return undefined;
    }
    const types = hello.types.map(({ type }) => type);
    const unfit = unfitFor(hello.worker_id, types, proof);
    if (unfit !== undefined) {
      log.info({ workerId: hello.worker_id }, `worker refused: its token is not good for ${unfit}`);
      const message = `The token is not good for ${unfit}.`;
      socket.send({ type: "error", code: "worker.refused", message, fatal: true });
      socket.close(closeCodes.forbidden, "worker.refused");
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
      protocol,
      authenticate: (token) => {
        const fresh = tokens.prove({ "x-worker-token": token });
        if (fresh.outcome !== "ok") return false;
        if (unfitFor(hello.worker_id, session.types.keys(), fresh) !== undefined) return false;
        entry.proof = fresh;
        return true;
      },
    });
    // The same process again: its older connection is dead or about to be. The runtime hears of one after the other,
    // or the older introduction, were it slower, would replace the newer session.
    const older = entries.get(session.holder);
    older?.socket.close(closeCodes.superseded, "connected again");
    const opening = Promise.resolve(older?.opening).then(() => session.open(hello));
    const entry: Entry = { session, socket, proof, opening };
    entries.set(session.holder, entry);
    return session;
  }

  /** What a worker claims that its token is not good for, in words. */
  function unfitFor(workerId: string, types: Iterable<string>, proof: Proven): string | undefined {
    return proof.isFor(workerId) ? tokens.beyond(workerId, types) : `the worker ${workerId}`;
  }

  function forget(session: Session): void {
    const entry = entries.get(session.holder);
    if (entry?.session !== session) return;
    void entry.opening.then(() => {
      if (entries.get(session.holder) === entry) entries.delete(session.holder);
    });
  }
}

/** The highest version that both speak. */
export function commonVersion(
  offered: readonly number[],
  spoken: readonly number[],
): number | undefined {
  return offered.filter((version) => spoken.includes(version)).toSorted((a, b) => b - a)[0];
}

/** Connections that end so are somebody's mistake, or a worker in trouble. */
const troubleCodes: ReadonlySet<number> = new Set([
  closeCodes.unresponsive,
  closeCodes.protocol,
  closeCodes.slow_consumer,
]);

type Proven = Extract<Proof, { outcome: "ok" }>;

interface Entry {
  readonly session: Session;
  readonly socket: WorkerSocket;
  /** Of the token that the worker gave last. */
  proof: Proven;
  /** Resolves when the runtime has taken the session in, or has refused to. Never rejects. */
  readonly opening: Promise<void>;
}
