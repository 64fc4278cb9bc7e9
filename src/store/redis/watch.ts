// Looks at the servers once in a while: what they are set to, what is wrong with that, and how much memory they have left.
import type { Clock, TimerHandle } from "../../clock.ts";
import { RuntimeError } from "../../errors.ts";
import type { Connection } from "./connection.ts";
import {
  type Examined,
  findingOf,
  findingsOf,
  readFacts,
  type Expectation,
  type Finding,
  type ServerFacts,
} from "./durability.ts";
import { absenceOf, refusalOf, verdictOf } from "./failure.ts";
import { runScript } from "./scripts.ts";
import type { Servers } from "./servers.ts";

/** What has become wrong with the servers, and what no longer is. */
export type Report = (found: readonly Finding[], mended: readonly Finding[]) => void;

export interface WatchOptions {
  readonly servers: Servers;
  /** Real time. */
  readonly clock: Clock;
  readonly expected: Expectation;
  /** Told of each change once, after the first look; nobody is where absent. */
  readonly report?: Report;
}

interface Seen extends Omit<Examined, "facts"> {
  /** Absent where it has not answered the last time, or has refused to. */
  readonly facts?: ServerFacts;
  /** Why nothing can be done with it, where it has said so itself. */
  readonly refusal?: string;
}

/** A server fills up in minutes, not in seconds. */
const lookEveryMs = 2000;
const patienceMs = 2000;
/** How soon a start may be tried again that was refused, in seconds. */
const retryAfterSeconds = 10;

export class Watch {
  readonly #options: WatchOptions;
  #seen: ReadonlyMap<Connection, Seen> = new Map();
  #timer: TimerHandle | undefined;
  #report: Report | undefined;
  #closed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** What the servers have told last. */
  get servers(): readonly Examined[] {
    return [...this.#seen.values()].flatMap(({ facts, findings }) =>
      facts ? [{ facts, findings }] : [],
    );
  }

  /** What is wrong with any of them, also with those that tell nothing of themselves. */
  get findings(): readonly Finding[] {
    return [...this.#seen.values()].flatMap((one) => one.findings);
  }

  /** Why none of the servers can be reached or used now; undefined where one can. */
  get absence(): string | undefined {
    const seen = [...this.#seen];
    if (seen.some(([{ client }, { facts }]) => client && facts)) return undefined;
    const refusal = seen.find(([, one]) => one.refusal !== undefined)?.[1].refusal;
    return refusal ?? absenceOf(seen.map(([{ problem }]) => problem).find((problem) => problem));
  }

  /**
   * Refuse to begin something new at the server that is reached over a connection, where it would not be kept, or takes
   * the memory that running jobs need.
   *
   * @throws RuntimeError `store.evicting`, `store.durability_unmet`, `store.full` and other findings
   */
  requireRoom(connection: Connection): void {
    const findings = this.#seen.get(connection)?.findings ?? [];
    const worst = findings.find(
      ({ severity, code }) => severity === "error" || code === "store.full",
    );
    if (!worst) return;
    const message = `No new jobs are started over a Redis of which this is true: ${worst.problem}`;
    throw new RuntimeError(worst.code, message, { retryAfterSeconds });
  }

  /** Look now, and from now on. */
  async start(): Promise<void> {
    await this.#look();
    this.#report = this.#options.report;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { servers, clock, expected } = this.#options;
    try {
      const primaries = await servers.primaries();
      const looks = primaries.map(async (connection): Promise<[Connection, Seen]> => {
        try {
          const client = await connection.ready(patienceMs);
          const facts = await readFacts(client, connection.address);
          // A user may come to be forbidden what all changes are made with.
          await runScript(client, "check", [], []);
          return [connection, { facts, findings: findingsOf(facts, expected) }];
        } catch (error) {
          const refusal = refusalOf(verdictOf(error));
          // Where it refuses to say what it is set to, nobody knows whether it keeps anything.
          if (refusal)
            return [connection, { findings: [findingOf(refusal)], refusal: refusal.message }];
          // Noticed by those who call it. What was wrong with it has not been mended by that.
          return [connection, { findings: this.#seen.get(connection)?.findings ?? [] }];
        }
      });
      this.#compare(new Map(await Promise.all(looks)));
    } finally {
      if (!this.#closed)
        this.#timer = clock.schedule(lookEveryMs, () => void this.#look().catch(() => {}));
    }
  }

  #compare(seen: ReadonlyMap<Connection, Seen>): void {
    const before = findingsIn(this.#seen);
    const after = findingsIn(seen);
    this.#seen = seen;
    const found = [...after].filter(([name]) => !before.has(name));
    const mended = [...before].filter(([name]) => !after.has(name));
    if (found.length + mended.length === 0 || this.#closed) return;
    const only = (findings: typeof found) => findings.map(([, finding]) => finding);
    this.#report?.(only(found), only(mended));
  }
}

/** What is wrong, each thing once: how full a server is exactly makes no other thing of it. */
function findingsIn(seen: ReadonlyMap<Connection, Seen>): ReadonlyMap<string, Finding> {
  const findings = [...seen.values()].flatMap((one) => one.findings);
  return new Map(
    findings.map((finding) => {
      const { code, message } = finding;
      return [code === "store.full" ? message.replace(/\d+ %/, "") : message, finding];
    }),
  );
}
