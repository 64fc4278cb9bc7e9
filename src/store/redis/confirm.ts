// Copies on replicas, waited for before anybody is told of a write.
import type { Client } from "./connection.ts";

/** Resolves when what has been sent over the connection so far has the copies it needs. */
export type Confirm = (client: Client) => Promise<void>;

/** Fewer replicas than needed have the write in time; more may get it, or nobody. The call is sent again, like a lost one. */
class TooFewCopies extends Error {
  override readonly name = "TooFewCopies";
}

interface Asked {
  /** The question that is under way: it may have been asked before the latest call was sent. */
  now: Promise<void>;
  /** The one after it. */
  next: Promise<void> | undefined;
}

/**
 * Wait for replicas, one question at a time for all that was sent over a connection before it; over the same connection,
 * because Redis counts what was written over it.
 *
 * @param replicas how many copies a write needs besides the primary's
 * @param timeoutMs how long they may take, in milliseconds
 */
export function confirmOnReplicas(replicas: number, timeoutMs: number): Confirm {
  const asked = new WeakMap<Client, Asked>();
  const ask = async (client: Client): Promise<void> => {
    const copies = Number(await client.sendCommand(["WAIT", String(replicas), String(timeoutMs)]));
    if (copies < replicas)
      throw new TooFewCopies(
        `${copies} of ${replicas} replicas have the write after ${timeoutMs} ms`,
      );
  };
  return (client) => {
    const known = asked.get(client) ?? { now: Promise.resolve(), next: undefined };
    asked.set(client, known);
    known.next ??= known.now
      .catch(() => {})
      .then(() => {
        known.now = ask(client);
        known.next = undefined;
        return known.now;
      });
    return known.next;
  };
}
