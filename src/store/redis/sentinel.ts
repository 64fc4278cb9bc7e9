// Asks Sentinels where the primary is.
import { createClient } from "redis";
import type { ServerAddress, Access } from "./connection.ts";

/** How long one Sentinel may take, from the connection to its answer: the next one may know. */
const patienceMs = 2000;

/**
 * Where the primary is, by the first Sentinel that knows it.
 *
 * @throws the last Sentinel's failure, where none does
 */
export async function askSentinels({
  sentinels,
  name,
  sentinelAccess: { username, password, tls } = {},
}: {
  readonly sentinels: readonly ServerAddress[];
  readonly name: string;
  readonly sentinelAccess?: Access;
}): Promise<ServerAddress> {
  let failure: unknown = new Error("no Sentinel is configured");
  for (const { host, port } of sentinels) {
    const client = createClient({
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      maintNotifications: "disabled",
      socket: {
        host,
        port,
        connectTimeout: patienceMs,
        // One that takes connections and then says nothing is no Sentinel.
        socketTimeout: patienceMs,
        reconnectStrategy: false,
        ...(tls && { tls: true as const, ...tls }),
      },
    });
    client.on("error", () => {});
    try {
      await client.connect();
      const answer = await client.sendCommand(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name]);
      if (Array.isArray(answer)) return { host: String(answer[0]), port: Number(answer[1]) };
      failure = new Error(`the Sentinel at ${host}:${port} knows no primary "${name}"`);
    } catch (error) {
      failure = error;
    } finally {
      if (client.isOpen) client.destroy();
    }
  }
  throw failure;
}
