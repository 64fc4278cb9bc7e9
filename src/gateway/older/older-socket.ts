// The WebSockets of the older dialect: commands go out, progress comes in; everything else is HTTP there.
import type { RawData, WebSocket } from "ws";
import type { Clock, TimerHandle } from "../../clock.ts";
import type { Logger } from "../../logger.ts";
import { parseJson } from "../../protocol/json.ts";
import { OlderProgress, type OlderCommand } from "../../protocol/older-dialect.ts";
import { Refusals } from "../refusals.ts";
import type { PollWorkers } from "./poll-workers.ts";
import { attemptOfWireId } from "./wire-id.ts";

export interface OlderSocketLimits {
  /** How often a peer is pinged. */
  readonly olderPingMs: number;
  /** A peer that answers none of so many pings is gone. A handler may hold up its whole process for minutes. */
  readonly olderPingsMissedMax: number;
  /** A peer that leaves more than this unread is cut off. */
  readonly bufferedBytesMax: number;
}

/** Close codes of this dialect: those of the WebSocket standard. */
export const olderCloseCodes = {
  /** The server stops. */
  goingAway: 1001,
  /** A binary message. */
  unsupported: 1003,
  /** A message that is not JSON, or breaks a limit of it. */
  invalid: 1007,
  /** The token is not good any more. */
  policy: 1008,
} as const;

interface Peer {
  readonly socket: WebSocket;
  /** Whose it is; undefined until it is known. */
  workerId: string | undefined;
  readonly isStillWelcome: () => boolean;
  readonly refusals: Refusals;
  silentTicks: number;
  watch?: TimerHandle;
}

export interface OlderSocketsOptions {
  readonly workers: PollWorkers;
  readonly clock: Clock;
  readonly limits: OlderSocketLimits;
  readonly log: Logger;
  /** Pass on progress of a task that no worker of this node was given. */
  readonly reportElsewhere: (workerId: string | undefined, progress: OlderProgress) => void;
}

export class OlderSockets {
  readonly #options: OlderSocketsOptions;
  readonly #peers = new Set<Peer>();

  constructor(options: OlderSocketsOptions) {
    this.#options = options;
  }

  /**
   * Take a WebSocket. Several may bear one worker id, as the processes behind them may.
   *
   * @param workerId As its address or its own token says; a socket without either becomes the worker's of whose
   *   task it first reports progress.
   * @param isStillWelcome Whether its token is good, as things are when this is called.
   */
  take(socket: WebSocket, workerId: string | undefined, isStillWelcome: () => boolean): void {
    const { log, clock } = this.#options;
    const refusals = new Refusals(workerId === undefined ? log : log.child({ workerId }), clock);
    const peer: Peer = { socket, workerId, isStillWelcome, refusals, silentTicks: 0 };
    this.#peers.add(peer);
    socket.on("message", (data, isBinary) => this.#receive(peer, data, isBinary));
    socket.on("ping", () => (peer.silentTicks = 0));
    socket.on("pong", () => (peer.silentTicks = 0));
    // A frame that breaks the WebSocket protocol or its limits: ws answers with 1002, 1007 or 1009 itself.
    socket.on("error", () => undefined);
    socket.once("close", () => {
      peer.watch?.cancel();
      this.#peers.delete(peer);
    });
    this.#watch(peer);
  }

  /**
   * Tell a worker. A socket that is nobody's yet is told, too: it may be that worker's, and any other one does not
   * know the task and ignores the command.
   */
  tell(workerId: string, command: OlderCommand): void {
    const text = JSON.stringify(command);
    for (const peer of this.#peers) {
      if (peer.workerId !== undefined && peer.workerId !== workerId) continue;
      if (peer.socket.bufferedAmount > this.#options.limits.bufferedBytesMax)
        peer.socket.terminate();
      else peer.socket.send(text);
    }
  }

  /** Close the sockets whose tokens are not good any more. */
  recheck(): void {
    for (const { socket, isStillWelcome } of this.#peers)
      if (!isStillWelcome()) socket.close(olderCloseCodes.policy, "the token is not good any more");
  }

  /** Close all. Resolves when they are gone; those that do not answer are cut off after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    const gone = [...this.#peers].map(
      ({ socket }) =>
        new Promise<void>((resolve) => {
          socket.once("close", () => resolve());
          socket.close(olderCloseCodes.goingAway, "Server shutdown");
        }),
    );
    if (gone.length === 0) return;
    const cutOff = this.#options.clock.schedule(graceMs, () => {
      for (const { socket } of this.#peers) socket.terminate();
    });
    await Promise.all(gone);
    cutOff.cancel();
  }

  #receive(peer: Peer, data: RawData, isBinary: boolean): void {
    peer.silentTicks = 0;
    if (peer.socket.readyState !== peer.socket.OPEN) return;
    if (isBinary) {
      peer.socket.close(olderCloseCodes.unsupported, "messages are text");
      return;
    }
    // ws gives one Buffer unless it is told otherwise.
    const json = parseJson((data as Buffer).toString());
    if (!("value" in json)) {
      peer.socket.close(olderCloseCodes.invalid, json.message.slice(0, 120));
      return;
    }
    const progress = OlderProgress.safeParse(json.value);
    // Anything else is from a newer library than this dialect knows, and changes nothing.
    if (progress.success) this.#report(peer, progress.data);
  }

  /** Nobody reports for a task that somebody else was given: `PollWorkers.report` looks whose it is. */
  #report(peer: Peer, progress: OlderProgress): void {
    const { workers, log, reportElsewhere } = this.#options;
    if (peer.workerId === undefined && !peer.isStillWelcome()) return;
    const session = workers.report(peer.workerId, progress);
    if (!session && workers.holderOf(progress.task_id)) {
      peer.refusals.foreign("progress", attemptOfWireId(progress.task_id));
    } else if (!session) {
      // A former life of this server may have given it away, or another node.
      if (peer.workerId !== undefined) workers.get(peer.workerId)?.report(progress);
      reportElsewhere(peer.workerId, progress);
    } else if (peer.workerId === undefined) {
      peer.workerId = session.workerId;
      log.debug(
        { workerId: session.workerId },
        "socket of the older dialect is known by its progress",
      );
    }
  }

  #watch(peer: Peer): void {
    const { clock, limits } = this.#options;
    peer.watch = clock.schedule(limits.olderPingMs, () => {
      if (++peer.silentTicks > limits.olderPingsMissedMax) {
        peer.socket.terminate();
        return;
      }
      peer.socket.ping();
      this.#watch(peer);
    });
  }
}
