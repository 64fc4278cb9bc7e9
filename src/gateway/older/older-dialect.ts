// The older dialect as one part of the gateway: its workers, its routes and its sockets.
import type { IncomingMessage, ServerResponse } from "node:http";
import { OlderSockets, type OlderSocketLimits } from "./older-socket.ts";
import type { PollSessionParts } from "./poll-session.ts";
import { PollWorkers, type PollWorkersLimits } from "./poll-workers.ts";
import type { OlderCommand, OlderProgress } from "../../protocol/older-dialect.ts";
import type { Relay } from "../../runtime/runtime.ts";
import type { Attempt } from "../../runtime/worker-pool.ts";
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

/** Between nodes: a worker's sockets and its other requests may have come to different ones. */
type Relayed =
  | { readonly to: "older_sockets"; readonly workerId: string; readonly command: OlderCommand }
  | {
      readonly to: "older_workers";
      readonly workerId: string | undefined;
      readonly progress: OlderProgress;
    }
  | { readonly to: "older_givers"; readonly workerId: string; readonly attempt: Attempt };

export function createOlderDialect({
  tokens,
  relay,
  ...parts
}: Omit<PollSessionParts, "limits" | "tell" | "answeredHere"> & {
  readonly tokens: WorkerTokens;
  readonly relay: Relay | undefined;
  readonly limits: OlderDialectLimits;
}): OlderDialect {
  const { clock, limits, log } = parts;
  const send = (message: Relayed): void => relay?.send(message);
  const workers = new PollWorkers({
    ...parts,
    tell(workerId, command) {
      sockets.tell(workerId, command);
      send({ to: "older_sockets", workerId, command });
    },
    answeredHere: (workerId, attempt) => send({ to: "older_givers", workerId, attempt }),
  });
  const sockets = new OlderSockets({
    workers,
    clock,
    limits,
    log,
    reportElsewhere: (workerId, progress) => send({ to: "older_workers", workerId, progress }),
  });
  relay?.listen((message) => {
    const relayed = message as Relayed;
    if (relayed.to === "older_sockets") sockets.tell(relayed.workerId, relayed.command);
    else if (relayed.to === "older_workers") workers.report(relayed.workerId, relayed.progress);
    else if (relayed.to === "older_givers")
      workers.get(relayed.workerId)?.answeredElsewhere(relayed.attempt);
  });
  return {
    sockets,
    handleRequest: olderRoutes({ workers, tokens, limits, log }),
    async close(graceMs) {
      workers.close();
      await sockets.close(graceMs);
    },
  };
}
