// One connection to one server, made again whenever it is lost.
//
// Nothing waits in it: what is in flight when it breaks is rejected, and whoever sent it decides what becomes of it.
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { createClient } from "redis";
import type { Clock, TimerHandle } from "../../clock.ts";
import { RuntimeError } from "../../errors.ts";
import { unavailable, verdictOf } from "./failure.ts";
import { loadScripts } from "./scripts.ts";

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
  info(): Promise<string>;
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
}

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
  #client: Client | undefined;
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
    return this.#client;
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
    if (this.#client) return Promise.resolve(this.#client);
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
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#problem = reason;
    this.#heartbeat?.cancel();
    if (client.isOpen) client.destroy();
    if (!this.#closed) void this.#connect();
  }

  close(): void {
    this.#closed = true;
    this.#heartbeat?.cancel();
    this.#pause?.cancel();
    this.#endPause?.();
    this.#settle((waiting) => waiting.reject(closed()));
    const client = this.#client;
    this.#client = undefined;
    if (client?.isOpen) client.destroy();
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

  async #newConnection(): Promise<Client> {
    const { locate, access, prepare } = this.#options;
    const { host, port } = await locate();
    this.#address = `${host}:${port}`;
    const client = newClient({ host, port }, access);
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

  #adopt(client: Client): void {
    if (this.#closed) return client.destroy();
    if (!client.isReady) throw new Error("The connection was lost as soon as it was made.");
    this.#client = client;
    this.#problem = undefined;
    this.#unanswered = 0;
    this.#listen(client);
    this.#settle(({ resolve }) => resolve(client));
  }

  /** Ask the server once in a while: a cable that was cut says nothing. */
  #listen(client: Client): void {
    this.#heartbeat = this.#options.clock.schedule(heartbeatMs, () => {
      if (this.#client !== client) return;
      if (this.#unanswered >= unansweredMax)
        return this.drop(client, new Error(`no answer for ${unansweredMax * heartbeatMs} ms`));
      this.#unanswered += 1;
      client.ping().then(
        () => (this.#unanswered = 0),
        () => {},
      );
      this.#listen(client);
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
