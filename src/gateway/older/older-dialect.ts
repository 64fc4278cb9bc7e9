// The older dialect as one part of the gateway: its workers, its routes and its sockets.
import type { IncomingMessage, ServerResponse } from "node:http";
import { OlderSockets, type OlderSocketLimits } from "./older-socket.ts";
import type { PollSessionParts } from "./poll-session.ts";
import { PollWorkers, type PollWorkersLimits } from "./poll-workers.ts";
import { olderRoutes, type OlderRoutesLimits } from "./routes.ts";
import type { WorkerTokens } from "../worker-tokens.ts";

export interface OlderDialectLimits
  extends PollWorkersLimits, OlderRoutesLimits, OlderSocketLimits {}

export const olderDialectLimits: Omit<OlderDialectLimits, "progressMs" | "bufferedBytesMax"> = {
  olderLeaseMs: 300_000,
  givenUpMs: 1_000,
  silentMs: 120_000,
  pollWorkersMax: 10_000,
  pollMs: 30_000,
  plainPollMs: 1_000,
  olderPingMs: 30_000,
  olderPingsMissedMax: 10,
};

export interface OlderDialect {
  readonly sockets: OlderSockets;
  /** @returns false where the request is not of this dialect. */
  readonly handleRequest: (request: IncomingMessage, response: ServerResponse) => boolean;
  close(graceMs: number): Promise<void>;
}

export function createOlderDialect({
  tokens,
  ...parts
}: Omit<PollSessionParts, "limits" | "tell"> & {
  readonly tokens: WorkerTokens;
  readonly limits: OlderDialectLimits;
}): OlderDialect {
  const { clock, limits, log } = parts;
  const workers = new PollWorkers({
    ...parts,
    tell: (workerId, command) => sockets.tell(workerId, command),
  });
  const sockets = new OlderSockets({ workers, clock, limits, log });
  return {
    sockets,
    handleRequest: olderRoutes({ workers, tokens, limits, log }),
    async close(graceMs) {
      workers.close();
      await sockets.close(graceMs);
    },
  };
}
