// One connection to one server, of one socket or several, made again whenever it is lost.
//
// Nothing waits in it: what is in flight when it breaks is rejected, and whoever sent it decides what becomes of it.
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { createClient, ErrorReply } from "redis";
import type { Clock, TimerHandle } from "../../clock.ts";
import { RuntimeError } from "../../errors.ts";
import { unavailable, verdictOf } from "./failure.ts";
import { loadScripts } from "./scripts.ts";
import { slotOf } from "./slot.ts";

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

/** How to log in, wherever the server is. */
export interface Access {
  readonly username?: string;
  readonly password?: string;
  /** 0 where absent. */
  readonly database?: number;
  /** TLS with these options; none where absent. */
  readonly tls?: Pick<TlsOptions, "ca" | "cert" | "key" | "rejectUnauthorized" | "servername">;
}

/** What is used of the library's client, whose whole type takes the compiler a second to compare. */
export interface Client {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  on(event: "error", listener: (error: unknown) => void): unknown;
  connect(): Promise<unknown>;
  destroy(): void;
  ping(): Promise<unknown>;
  info(section?: string): Promise<string>;
  configGet(names: string[]): Promise<Record<string, string>>;
  scriptExists(hashes: string[]): Promise<number[]>;
  scriptLoad(script: string): Promise<unknown>;
  publish(channel: string, message: string): Promise<unknown>;
  subscribe(channels: string[], listener: (message: string) => void): Promise<unknown>;
  sendCommand(command: string[]): Promise<unknown>;
}

export interface ConnectionOptions {
  /** Where the server is now. */
  readonly locate: () => Promise<ServerAddress>;
  readonly access: Access;
  /** Real time: the network has no other. */
  readonly clock: Clock;
  /** What is done with a new connection before anybody else gets it. */
  readonly prepare?: (client: Client) => Promise<void>;
  /** Over how many sockets calls can be spread; one where absent. */
  readonly sockets?: number;
}

/**
 * Redis reads 16 KB of a socket at a time, runs what it has read of all of them, and flushes that together. 16 KB are eight
 * commits: over one socket a node would wait for a flush after every eight of them (ADR 20).
 */
export const socketsOfCalls = 4;

interface Waiting {
  readonly resolve: (client: Client) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: TimerHandle;
}

const connectTimeoutMs = 5000;
const pauseMs = { first: 50, most: 1000 } as const;
/** A server that has not answered so many questions in a row, one each second, is taken for gone. */
const unansweredMax = 5;
const prepareMs = 2000;
const heartbeatMs = 1000;

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #waiting = new Set<Waiting>();
  /** One for each socket; none while there is no connection. */
  #clients: readonly Client[] = [];
  /** Why there is no connection. */
  #problem: unknown;
  #pause: TimerHandle | undefined;
  #endPause: (() => void) | undefined;
  #heartbeat: TimerHandle | undefined;
  #unanswered = 0;
  #address = "";
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    void this.#connect();
  }

  /** The connection, where there is one now: another object after each loss. */
  get client(): Client | undefined {
    return this.#clients[0];
  }

  /** The socket for a key. All keys of a slot have the same one, so calls of a shard arrive in the order in which they are made. */
  clientFor(key: string): Client | undefined {
    const clients = this.#clients;
    return clients.length < 2 ? clients[0] : clients[slotOf(key) % clients.length];
  }

  /** Where the server was found last, as `host:port`. */
  get address(): string {
    return this.#address;
  }

  /** Why there is no connection, where anybody knows. */
  get problem(): unknown {
    return this.#problem;
  }

  /**
   * Wait for a connection.
   *
   * @param patienceMs how long, in milliseconds
   * @throws RuntimeError `store.unavailable` when there is none by then, `store.access_denied` as soon as it is known
   */
  ready(patienceMs: number): Promise<Client> {
    if (this.client) return Promise.resolve(this.client);
    if (this.#closed) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.schedule(patienceMs, () => {
        this.#waiting.delete(waiting);
        reject(unavailable(this.#problem));
      });
      const waiting: Waiting = { resolve, reject, timer };
      this.#waiting.add(waiting);
    });
  }

  /** This connection is of no use any more: make another. */
  drop(client: Client, reason: unknown): void {
    if (!this.#clients.includes(client)) return;
    this.#problem = reason;
    this.#heartbeat?.cancel();
    this.#destroy();
    if (!this.#closed) void this.#connect();
  }

  close(): void {
    this.#closed = true;
    this.#heartbeat?.cancel();
    this.#pause?.cancel();
    this.#endPause?.();
    this.#settle((waiting) => waiting.reject(closed()));
    this.#destroy();
  }

  /** All sockets together: they lead to one server in one of its lives, or nowhere. */
  #destroy(): void {
    const clients = this.#clients;
    this.#clients = [];
    for (const client of clients) if (client.isOpen) client.destroy();
  }

  async #connect(): Promise<void> {
    for (let failures = 0; !this.#closed; failures++) {
      try {
        return this.#adopt(await this.#newConnection());
      } catch (error) {
        this.#problem = error;
        const verdict = verdictOf(error);
        // A wrong password is not mended by waiting; whoever waits is told, and the next one has another try.
        if (verdict instanceof RuntimeError) this.#settle(({ reject }) => reject(verdict));
        await this.#rest(Math.min(pauseMs.most, pauseMs.first * 2 ** failures));
      }
    }
  }

  async #newConnection(): Promise<readonly Client[]> {
    const { locate, sockets = 1 } = this.#options;
    const address = await locate();
    this.#address = `${address.host}:${address.port}`;
    const opening = Array.from({ length: sockets }, () => this.#open(address));
    try {
      const clients = await Promise.all(opening);
      if (sockets > 1) await this.#inTime(requireOneServer(clients));
      return clients;
    } catch (error) {
      for (const one of await Promise.allSettled(opening))
        if (one.status === "fulfilled" && one.value.isOpen) one.value.destroy();
      throw error;
    }
  }

  async #open(address: ServerAddress): Promise<Client> {
    const { access, prepare } = this.#options;
    const client = newClient(address, access);
    // Without a listener an error would end the process. What it says is known from the calls that it fails.
    client.on("error", (error: unknown) => this.drop(client, error));
    try {
      await this.#inTime(client.connect().then(() => (prepare ?? loadScripts)(client)));
      return client;
    } catch (error) {
      if (client.isOpen) client.destroy();
      throw error;
    }
  }

  /** A server that takes connections and then says nothing is no server. */
  #inTime(preparing: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.schedule(prepareMs, () =>
        reject(new Error(`no answer for ${prepareMs} ms`)),
      );
      preparing.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  #adopt(clients: readonly Client[]): void {
    this.#clients = clients;
    if (this.#closed) return this.#destroy();
    if (!clients.every((client) => client.isReady)) {
      this.#destroy();
      throw new Error("The connection was lost as soon as it was made.");
    }
    this.#problem = undefined;
    this.#unanswered = 0;
    this.#listen(clients);
    this.#settle(({ resolve }) => resolve(clients[0]!));
  }

  /** Ask the server once in a while, over every socket: a cable that was cut says nothing. */
  #listen(clients: readonly Client[]): void {
    this.#heartbeat = this.#options.clock.schedule(heartbeatMs, () => {
      if (this.#clients !== clients) return;
      if (this.#unanswered >= unansweredMax)
        return this.drop(clients[0]!, new Error(`no answer for ${unansweredMax * heartbeatMs} ms`));
      this.#unanswered += 1;
      Promise.all(clients.map((client) => client.ping())).then(
        () => (this.#unanswered = 0),
        () => {},
      );
      this.#listen(clients);
    });
  }

  #settle(how: (waiting: Waiting) => void): void {
    for (const waiting of this.#waiting) {
      waiting.timer.cancel();
      how(waiting);
    }
    this.#waiting.clear();
  }

  #rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#endPause = resolve;
      this.#pause = this.#options.clock.schedule(ms, resolve);
    });
  }
}

/** A name may lead to several servers, or to another one from now on. Where a server does not tell its id, it is believed. */
async function requireOneServer(clients: readonly Client[]): Promise<void> {
  const ids = clients.map(async (client) => {
    const info = await client.info("server").catch((error: unknown) => {
      if (error instanceof ErrorReply) return "";
      throw error;
    });
    return /^run_id:(\w+)/m.exec(info)?.[1];
  });
  if (new Set(await Promise.all(ids)).size > 1)
    throw new Error("the sockets of one connection lead to several servers");
}

function newClient(
  { host, port }: ServerAddress,
  { username, password, database, tls }: Access,
): Client {
  return createClient({
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(database !== undefined && { database }),
    disableOfflineQueue: true,
    maintNotifications: "disabled",
    // A timer for each command would cost more than the command.
    commandOptions: { timeout: 0 },
    socket: {
      host,
      port,
      connectTimeout: connectTimeoutMs,
      reconnectStrategy: false,
      ...(tls && { tls: true as const, ...tls }),
    },
  });
}

function closed(): RuntimeError {
  return unavailable(new Error("the connection has been closed"));
}
