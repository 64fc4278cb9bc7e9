// `avtomatika start`: a server, until it is told to end.
import { join } from "node:path";
import type { Command } from "commander";
import pc from "picocolors";
import { readConfig, type Config, type Flags } from "../config.ts";
import type { RuntimeError } from "../errors.ts";
import { createLogger, type Logger } from "../logger.ts";
import type { Server, ServerOptions } from "../server.ts";
import { leaveDevTokens, removeDevTokens } from "./dev-tokens.ts";
import { print, printJsonLine } from "./output.ts";
import { aborted, stopSignal } from "./stop-signal.ts";
import { storePlace } from "./store-place.ts";
import { table } from "./table.ts";

/** The blueprints that come with the package. */
export const shippedBlueprints = join(import.meta.dirname, "../../machines");

export function addStart(program: Command): void {
  withServerOptions(program.command("start").description("start a server")).action(
    async (_, command: Command) => {
      const { json, ...flags } = command.optsWithGlobals<ServerFlags>();
      const signal = stopSignal();
      const running = await runServer(flags, signal);
      if (!running) return;
      announce(running, json === true);
      await aborted(signal);
      await running.close();
    },
  );
}

export type ServerFlags = Flags & { readonly json?: boolean };

/** The flags that `readConfig` knows. */
export function withServerOptions(command: Command): Command {
  return command
    .option("--host <address>", "where to listen (API_HOST)")
    .option("--port <number>", "where to listen; 0 takes a free port (API_PORT)")
    .option("--data <dir>", "the directory of the store (DATA_DIR)")
    .option("--redis-url <url>", "keep jobs in this Redis instead (REDIS_URL)")
    .option("--shards <number>", "over how many shards new jobs are spread in Redis (SHARDS)")
    .option("--durability <level>", "relaxed, durable or replicated (DURABILITY)")
    .option("--blueprints <dir>", "where blueprints are (BLUEPRINTS_DIR)")
    .option("--max-retries <number>", "how often a failed task is tried again (JOB_MAX_RETRIES)")
    .option("--worker-timeout <seconds>", "how long an attempt may run (WORKER_TIMEOUT_SECONDS)")
    .option("--instance-id <name>", "names this server (INSTANCE_ID)")
    .option("--log-level <level>", "the least level that is logged (LOG_LEVEL)")
    .option("--log-format <format>", "json or text (LOG_FORMAT)");
}

export interface RunningServer {
  readonly server: Server;
  readonly config: Config;
  /** The name of a blueprint that it serves, for an example; undefined where it serves none. */
  readonly example: string | undefined;
  readonly log: Logger;
  close(): Promise<void>;
}

/**
 * Start a server as flags and environment say. One that has made up tokens leaves them for commands on this machine.
 *
 * @param signal the wish to end, which is heard while there is no Redis yet
 * @param changedShapes whether versions may come with another shape than jobs of theirs have
 * @returns undefined where it was to end before there was a Redis
 * @throws RuntimeError `config.*`, `blueprint.*`, and what `startServer` throws
 */
export async function runServer(
  flags: Flags,
  signal: AbortSignal,
  changedShapes: ServerOptions["changedShapes"] = "refuse",
): Promise<RunningServer | undefined> {
  const defaults = { logFormat: process.stderr.isTTY ? "text" : "json" };
  const config = readConfig({ flags, defaults });
  const { dataDirectory, blueprintsDirectory = shippedBlueprints } = config;
  const log = createLogger({
    instanceId: config.instanceId,
    level: config.logLevel,
    format: config.logFormat,
    destination: process.stderr,
  });
  const { vainVariables } = config;
  if (vainVariables.length > 0)
    log.warn(
      { variables: vainVariables },
      "no Redis is named, so jobs are kept in the data directory: set REDIS_URL or REDIS_HOST, or take these variables away",
    );
  // Commands that talk to no server should not have to load one.
  const { startServer } = await import("../server.ts");
  const { loadBlueprints } = await import("../blueprint/load.ts");
  const blueprints = (await loadBlueprints(blueprintsDirectory)).map(({ blueprint }) => blueprint);
  const starting = startServer({
    ...config,
    signal,
    limits: {
      retriesMax: config.retriesMax,
      lossesMax: config.lossesMax,
      ageMs: config.ageMs,
      softLimit: config.softLimit,
      runTimeoutMs: config.workerTimeoutMs,
    },
    blueprints,
    changedShapes,
    log,
  });
  const server = await starting.catch((error: RuntimeError) => {
    if (signal.aborted && error.code === "store.unavailable") return undefined;
    throw error;
  });
  if (!server) return undefined;
  const madeUp = config.generated.clientToken || config.generated.workerToken;
  if (madeUp)
    await leaveDevTokens(dataDirectory, {
      url: server.url,
      ...(config.clientToken !== undefined && { client_token: config.clientToken }),
      worker_token: config.workerToken,
    });
  return {
    server,
    config,
    example: blueprints[0]?.name,
    log,
    async close() {
      if (madeUp) await removeDevTokens(dataDirectory);
      await server.close();
    },
  };
}

/** Say where the server is, and show the tokens that were made up: this once, and to nobody else. */
export function announce({ server, config }: RunningServer, json: boolean): void {
  const { generated, clientToken, workerToken } = config;
  const place = storePlace(config);
  const consoleUrl = `${server.url}/console/`;
  const tokens = {
    ...(generated.clientToken && { client_token: clientToken }),
    ...(generated.workerToken && { worker_token: workerToken }),
  };
  if (json) return printJsonLine({ url: server.url, console: consoleUrl, ...place, ...tokens });
  print(`\n${pc.bold("Avtomatika")} listens at ${pc.cyan(server.url)}\n`);
  print(
    table([
      ["  console", generated.clientToken ? `${consoleUrl}#token=${clientToken}` : consoleUrl],
      ...Object.entries({ ...place, ...tokens }).map(([name, value]) => [
        `  ${name.replace("_", " ")}`,
        value,
      ]),
    ]),
  );
  print("");
}
