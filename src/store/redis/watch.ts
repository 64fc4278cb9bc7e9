// Looks at the servers once in a while: what they are set to, and how much memory they have left.
import type { Clock, TimerHandle } from "../../clock.ts";
import type { Connection } from "./connection.ts";
import { isFull, readFacts, type ServerFacts } from "./durability.ts";
import type { Servers } from "./servers.ts";

/** A server fills up in minutes, not in seconds. */
const lookEveryMs = 2000;
const patienceMs = 2000;

export class Watch {
  readonly #servers: Servers;
  readonly #clock: Clock;
  #facts: readonly ServerFacts[] = [];
  #full = new Set<Connection>();
  #timer: TimerHandle | undefined;
  #closed = false;

  /** @param clock real time */
  constructor(servers: Servers, clock: Clock) {
    this.#servers = servers;
    this.#clock = clock;
  }

  /** What the servers have told last. */
  get facts(): readonly ServerFacts[] {
    return this.#facts;
  }

  /** Whether the server that is reached over a connection has next to no memory left. */
  isFull(connection: Connection): boolean {
    return this.#full.has(connection);
  }

  /** Look now, and from now on. */
  async start(): Promise<readonly ServerFacts[]> {
    await this.#look();
    return this.#facts;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const full = new Set<Connection>();
    const primaries = await this.#servers.primaries();
    const looks = primaries.map(async (connection) => {
      const facts = await readFacts(await connection.ready(patienceMs), connection.address);
      if (isFull(facts)) full.add(connection);
      return facts;
    });
    // A server that cannot be reached now is noticed by those who call it.
    const told = await Promise.allSettled(looks);
    this.#facts = told.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    this.#full = full;
    if (!this.#closed)
      this.#timer = this.#clock.schedule(lookEveryMs, () => void this.#look().catch(() => {}));
  }
}
