// The client that commands talk to a server with: flags win over the environment, that over what a development server left.
import { hostname, userInfo } from "node:os";
import type { Command } from "commander";
import { createClient, type Client } from "../client/client.ts";
import { readConnection } from "../config.ts";
import { RuntimeError } from "../errors.ts";
import { completeConnection } from "./dev-tokens.ts";

/** Flags of every command that talks to a server. */
export interface ConnectionFlags {
  readonly url?: string;
  readonly token?: string;
  readonly json?: boolean;
}

export function withConnectionOptions(command: Command): Command {
  return command
    .option("--url <url>", "the server's address (AVTOMATIKA_URL)")
    .option("--token <token>", "the client token (CLIENT_TOKEN)");
}

/** Who works at this terminal, for what the server keeps a record of. */
export function operator(): string {
  const name = safely(() => userInfo().username) ?? "somebody";
  return `${name}@${hostname()} (avtomatika)`.slice(0, 128);
}

function safely<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    // The system knows no name for the user of the process, as in some containers.
    return undefined;
  }
}

/** @throws RuntimeError `config.invalid`, `auth.missing_token` */
export async function connect({
  url: urlFlag,
  token: tokenFlag,
}: ConnectionFlags): Promise<Client> {
  const flags = { url: urlFlag, token: tokenFlag };
  const { url, token } = await completeConnection(readConnection("client", { flags }), "client");
  if (token === undefined)
    throw new RuntimeError("auth.missing_token", `There is no client token for ${url}.`, { url });
  return createClient({ url, token });
}
