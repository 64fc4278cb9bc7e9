// A cluster: who serves which slot, as its nodes tell.
import type { Clock } from "../../clock.ts";
import type { RuntimeError } from "../../errors.ts";
import {
  Connection,
  socketsOfCalls as sockets,
  type Access,
  type Client,
  type ServerAddress,
} from "./connection.ts";
import { refusalOf, verdictOf } from "./failure.ts";
import type { Redirection, Servers } from "./servers.ts";
import { slotOf } from "./slot.ts";

/** The nodes are asked who serves what at most once in so many milliseconds. */
const askEveryMs = 200;

export class Cluster implements Servers {
  readonly #access: Access;
  readonly #clock: Clock;
  readonly #seeds: readonly ServerAddress[];
  /** Connections to those whom the cluster has named, by address. */
  readonly #connections = new Map<string, Connection>();
  /** Connections to seeds, by address, until one has told who serves what. */
  readonly #seeding = new Map<string, Connection>();
  readonly #subscribers = new Set<Connection>();
  /** Who serves each slot. */
  readonly #slots: (Connection | undefined)[] = [];
  #asked = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;
  /** Why nobody tells who serves what, where that does not pass by itself. */
  #refusal: RuntimeError | undefined;
  #subscribed = 0;
  #closed = false;

  constructor(seeds: readonly ServerAddress[], access: Access, clock: Clock) {
    this.#seeds = seeds;
    this.#access = access;
    this.#clock = clock;
    void this.#ask();
  }

  serving(key: string): Connection {
    const serving = this.#slots[slotOf(key)];
    if (serving) return serving;
    void this.#ask();
    // Any node does: one that does not serve the slot says who does.
    return this.#slots.find((connection) => connection) ?? this.#seed(this.#seeds[0]!);
  }

  learn(error: unknown, key: string): Redirection | undefined {
    const message = error instanceof Error ? error.message : "";
    const [, kind, host, port] = /^(MOVED|ASK) \d+ (.*):(\d+)$/.exec(message) ?? [];
    if (host === undefined) {
      void this.#ask();
      return undefined;
    }
    // A node that does not know its own address leaves it out.
    const address = { host: host || this.#seeds[0]!.host, port: Number(port) };
    const connection = this.#to(address);
    if (kind === "ASK") return { connection, asking: true };
    this.#slots[slotOf(key)] = connection;
    void this.#ask();
    return { connection, asking: false };
  }

  async primaries(): Promise<readonly Connection[]> {
    await this.#ask();
    if (this.#refusal) throw this.#refusal;
    return [...new Set(this.#slots)].filter((connection) => connection !== undefined);
  }

  subscriber(prepare: (client: Client) => Promise<void>): Connection {
    const connection = new Connection({
      // What is published is heard at every node. Another one at each try: this one may be down.
      locate: async () => {
        const addresses = [...this.#connections.keys()].map(parseAddress);
        const known = [...addresses, ...this.#seeds];
        return known[this.#subscribed++ % known.length]!;
      },
      access: this.#access,
      clock: this.#clock,
      prepare,
    });
    this.#subscribers.add(connection);
    return connection;
  }

  close(): void {
    this.#closed = true;
    for (const connections of [this.#connections, this.#seeding])
      for (const connection of connections.values()) connection.close();
    for (const connection of this.#subscribers) connection.close();
  }

  #to(address: ServerAddress): Connection {
    return this.#among(this.#connections, address, sockets);
  }

  /** Over one socket: a seed's name may lead to any node, and each socket to another one. */
  #seed(address: ServerAddress): Connection {
    return this.#among(this.#seeding, address, 1);
  }

  #among(connections: Map<string, Connection>, address: ServerAddress, count: number): Connection {
    const name = `${address.host}:${address.port}`;
    const known = connections.get(name);
    if (known) return known;
    const connection = new Connection({
      locate: async () => address,
      access: this.#access,
      clock: this.#clock,
      sockets: count,
    });
    if (this.#closed) connection.close();
    connections.set(name, connection);
    return connection;
  }

  /** Ask the nodes who serves what, unless that has just been done. */
  #ask(): Promise<void> {
    const now = this.#clock.monotonic();
    if (this.#asking) return this.#asking;
    if (this.#closed || now - this.#asked < askEveryMs) return Promise.resolve();
    this.#asked = now;
    this.#asking = this.#askAll().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #askAll(): Promise<void> {
    // Who serves is asked first, the seeds where none of those answers: most of them may be replicas.
    const known = [...this.#connections.values()];
    for (const connection of known) if (await this.#askOne(connection)) return;
    for (const seed of this.#seeds) if (await this.#askOne(this.#seed(seed))) return;
  }

  async #askOne(connection: Connection): Promise<boolean> {
    try {
      const client = connection.client ?? (await connection.ready(askEveryMs));
      const answer = await client.sendCommand(["CLUSTER", "SLOTS"]);
      this.#refusal = undefined;
      return this.#learnSlots(answer);
    } catch (error) {
      this.#refusal = refusalOf(verdictOf(error)) ?? this.#refusal;
      return false;
    }
  }

  /** @returns false where the answer names nobody, as that of a server which has left its cluster */
  #learnSlots(answer: unknown): boolean {
    const ranges = answer as readonly [from: number, to: number, primary: [string, number]][];
    if (ranges.length === 0) return false;
    const serving = new Set<Connection>();
    for (const [from, to, [host, port]] of ranges) {
      const connection = this.#to({ host: host || this.#seeds[0]!.host, port });
      serving.add(connection);
      this.#slots.fill(undefined, this.#slots.length, from);
      for (let slot = from; slot <= to; slot++) this.#slots[slot] = connection;
    }
    for (const [name, connection] of this.#connections)
      if (!serving.has(connection) && !this.#slots.includes(connection)) {
        connection.close();
        this.#connections.delete(name);
      }
    for (const connection of this.#seeding.values()) connection.close();
    this.#seeding.clear();
    return true;
  }
}

function parseAddress(name: string): ServerAddress {
  const end = name.lastIndexOf(":");
  return { host: name.slice(0, end), port: Number(name.slice(end + 1)) };
}
