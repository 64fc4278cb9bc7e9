// Calls of Redis that are sent again until their outcome is known, for a while.
//
// That is safe because every script that changes something knows a call that it has applied before by its token.
import type { Clock } from "../../clock.ts";
import { RuntimeError } from "../../errors.ts";
import type { Client, Connection } from "./connection.ts";
import { refusalOf, unavailable, verdictOf } from "./failure.ts";
import type { Keys, ShardKeys } from "./keys.ts";
import type { Confirm } from "./confirm.ts";
import { runScript, type ScriptName } from "./scripts.ts";
import type { Redirection, Servers } from "./servers.ts";
import { ShardClock } from "./shard-clock.ts";

/** What a node keeps of a shard. */
export interface Shard {
  readonly keys: ShardKeys;
  readonly clock: ShardClock;
  /** The socket over which the shard has looked at its server; another one may lead to another. */
  looked: Client | undefined;
}

/** What a script of a shard has answered. */
export interface Changed {
  /** Store time when it ran. */
  readonly now: number;
  readonly answer: readonly unknown[];
}

/** Time and epoch of the shard come first. */
type Answer = readonly [now: number, epoch: string, ...unknown[]];

export interface CallsOptions {
  readonly servers: Servers;
  readonly keys: Keys;
  /** The node's, by which it knows store time between two answers. */
  readonly clock: Clock;
  /** Real time. */
  readonly networkClock: Clock;
  /** How long a call is sent again after its first failure, in milliseconds. */
  readonly patienceMs: number;
  /** What is waited for after a script that changes something. */
  readonly confirm?: Confirm;
}

const pauseMs = { first: 5, most: 250 } as const;
/** Redirections that are followed without a pause. */
const redirectionsAtOnce = 3;

export class Calls {
  readonly #options: CallsOptions;
  readonly #shards = new Map<number, Shard>();
  #underWay = 0;
  #idle: (() => void) | undefined;
  #closed = false;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  shard(shard: number): Shard {
    const known = this.#shards.get(shard);
    if (known) return known;
    const { keys, clock } = this.#options;
    const fresh = { keys: keys.shard(shard), clock: new ShardClock(clock), looked: undefined };
    this.#shards.set(shard, fresh);
    return fresh;
  }

  /** Change something in a shard. `args` follow the one that says whether to look at the server. */
  async change(
    shard: Shard,
    name: ScriptName,
    args: readonly string[],
    key?: string,
  ): Promise<Changed> {
    const { keys } = shard;
    const all = key === undefined ? keys.all : [...keys.all, key];
    const { confirm } = this.#options;
    return this.send(keys.tag, async (client) => {
      const look = shard.looked === client ? "0" : "1";
      // Copies are asked for at once: WAIT counts what was written before it, so each sending has its own.
      let confirmed: Promise<void> | undefined;
      const answer = await runScript(client, name, all, [look, ...args], () => {
        confirmed = confirm?.(client);
        // Where the script has failed, nobody asks for its copies any more.
        confirmed?.catch(() => {});
      });
      await confirmed;
      const [now, epoch, ...rest] = answer as Answer;
      shard.looked = client;
      shard.clock.learn(now, epoch);
      return { now, answer: rest };
    });
  }

  /** Run a script that tells nothing of the time and epoch of a shard. */
  run(name: ScriptName, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return this.send(keys[0]!, (client) => runScript(client, name, keys, args));
  }

  /** The same, where somebody is told of what it has changed. */
  runConfirmed(name: ScriptName, keys: readonly string[], args: readonly string[]) {
    return this.send(keys[0]!, async (client) => {
      const answer = await runScript(client, name, keys, args);
      await this.#options.confirm?.(client);
      return answer;
    });
  }

  /** Run one command that only reads. */
  read(key: string, command: readonly string[]): Promise<unknown> {
    return this.send(key, (client) => client.sendCommand([...command]));
  }

  /**
   * Send something to where a key is, again and again until it is answered.
   *
   * @throws RuntimeError `store.unavailable` where it was not answered in time: it may have been done or not; what
   *   `verdictOf` makes of a refusal; `store.closed`
   */
  async send<Result>(key: string, what: (client: Client) => Promise<Result>): Promise<Result> {
    if (this.#closed) throw closed();
    this.#underWay += 1;
    try {
      return await this.#persist(key, what);
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#idle?.();
    }
  }

  async #persist<Result>(key: string, what: (client: Client) => Promise<Result>): Promise<Result> {
    const { servers, networkClock, patienceMs } = this.#options;
    let until: number | undefined;
    let redirection: Redirection | undefined;
    for (let failures = 0; ; failures++) {
      const connection: Connection = redirection?.connection ?? servers.serving(key);
      let client = connection.clientFor(key);
      try {
        if (!client) {
          until ??= networkClock.monotonic() + patienceMs;
          const left = until - networkClock.monotonic();
          const ready = await connection.ready(Math.max(1, Math.min(left, pauseMs.most)));
          client = connection.clientFor(key) ?? ready;
        }
        if (redirection?.asking) client.sendCommand(["ASKING"]).catch(() => {});
        return await what(client);
      } catch (error) {
        const verdict = verdictOf(error);
        const refusal = refusalOf(verdict);
        if (refusal) throw refusal;
        until ??= networkClock.monotonic() + patienceMs;
        if (networkClock.monotonic() >= until)
          throw verdict instanceof RuntimeError ? verdict : unavailable(error);
        if (verdict === "reconnect" && client) connection.drop(client, error);
        redirection = servers.learn(error, key);
        // Two servers may send a call to each other for as long as they do not agree whose the slot is.
        if (!redirection || failures >= redirectionsAtOnce)
          await this.#pause(Math.min(pauseMs.most, pauseMs.first * 2 ** failures));
      }
    }
  }

  /** Refuse new calls, and wait for those under way. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.networkClock.schedule(ms, resolve));
  }
}

function closed(): RuntimeError {
  return new RuntimeError("store.closed", "The store has been closed.");
}
