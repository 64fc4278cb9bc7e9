// Which server serves a key: the one there is, the primary that Sentinels name, or that of the key's slot in a cluster.
import type { Clock } from "../../clock.ts";
import { Cluster } from "./cluster.ts";
import {
  Connection,
  socketsOfCalls as sockets,
  type Access,
  type Client,
  type ServerAddress,
} from "./connection.ts";
import { partOfCluster } from "./failure.ts";
import { askSentinels } from "./sentinel.ts";

export type Deployment =
  | { readonly kind: "single"; readonly server: ServerAddress }
  | {
      readonly kind: "sentinel";
      readonly sentinels: readonly ServerAddress[];
      /** What the Sentinels call the primary. */
      readonly name: string;
      /** How to log in at the Sentinels, where it takes that. */
      readonly sentinelAccess?: Access;
    }
  | { readonly kind: "cluster"; readonly seeds: readonly ServerAddress[] };

export interface Servers {
  /** Over which connection a key is reached now. */
  serving(key: string): Connection;
  /**
   * Learn from a call of a key that was rejected.
   *
   * @returns how to send the call again at once, where the cluster says where to
   * @throws RuntimeError `config.invalid` where there is a cluster and none is expected
   */
  learn(error: unknown, key: string): Redirection | undefined;
  /**
   * Connections to all primaries.
   *
   * @throws RuntimeError what a cluster has refused to tell which they are with
   */
  primaries(): Promise<readonly Connection[]>;
  /** A connection of its own that hears of what is published. */
  subscriber(prepare: (client: Client) => Promise<void>): Connection;
  close(): void;
}

export interface Redirection {
  readonly connection: Connection;
  /** The slot is on its way there: say ASKING first. */
  readonly asking: boolean;
}

export function connectTo(deployment: Deployment, access: Access, clock: Clock): Servers {
  switch (deployment.kind) {
    case "single":
      return new OneServer(async () => deployment.server, access, clock);
    case "sentinel":
      return new OneServer(() => askSentinels(deployment), access, clock);
    case "cluster":
      return new Cluster(deployment.seeds, access, clock);
  }
}

class OneServer implements Servers {
  readonly #locate: () => Promise<ServerAddress>;
  readonly #access: Access;
  readonly #clock: Clock;
  readonly #connection: Connection;
  readonly #subscribers = new Set<Connection>();

  constructor(locate: () => Promise<ServerAddress>, access: Access, clock: Clock) {
    this.#locate = locate;
    this.#access = access;
    this.#clock = clock;
    this.#connection = new Connection({ locate, access, clock, sockets });
  }

  serving(): Connection {
    return this.#connection;
  }

  learn(error: unknown): undefined {
    const mistaken = partOfCluster(error);
    if (mistaken) throw mistaken;
  }

  async primaries(): Promise<readonly Connection[]> {
    return [this.#connection];
  }

  subscriber(prepare: (client: Client) => Promise<void>): Connection {
    const [locate, access, clock] = [this.#locate, this.#access, this.#clock];
    const connection = new Connection({ locate, access, clock, prepare });
    this.#subscribers.add(connection);
    return connection;
  }

  close(): void {
    this.#connection.close();
    for (const connection of this.#subscribers) connection.close();
  }
}
