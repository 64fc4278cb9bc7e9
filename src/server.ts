// The composition root: builds every part of a server in order, and takes them down in the opposite one.
import { hostname } from "node:os";
import { join } from "node:path";
import { openArchive } from "./archive/open-archive.ts";
import type { Blueprint } from "./blueprint/blueprint.ts";
import { contractOf } from "./blueprint/contract.ts";
import { BlueprintRegistry } from "./blueprint/registry.ts";
import { ChartRenderer } from "./chart/chart-renderer.ts";
import { systemClock, type Clock } from "./clock.ts";
import { createGateway, type GatewayLimits } from "./gateway/gateway.ts";
import { WorkerTokens } from "./gateway/worker-tokens.ts";
import { readWorkersFile } from "./gateway/workers-file.ts";
import { createApp } from "./http/app.ts";
import type { AppOptions } from "./http/app-options.ts";
import { createAuthenticate } from "./http/auth.ts";
import { createClientSockets } from "./http/client-socket.ts";
import { createRoutes } from "./http/routes.ts";
import { listenAt } from "./http/serve.ts";
import type { Logger } from "./logger.ts";
import { createRuntime, type Runtime } from "./runtime/create-runtime.ts";
import { keepVersions } from "./runtime/kept-versions.ts";
import type { RuntimeLimits } from "./runtime/runtime.ts";
import { openStore } from "./open-store.ts";
import { newEpoch } from "./store/epoch.ts";
import type { RedisSettings } from "./store/redis/open-redis-store.ts";

export interface ServerOptions {
  /** `127.0.0.1` where absent. */
  readonly host?: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** Where the embedded store lives; made where it is missing. Not used where there is a Redis. */
  readonly dataDirectory: string;
  /** Keep jobs there; in `dataDirectory` where absent. */
  readonly redis?: RedisSettings;
  /** Ends waiting for a Redis that is absent at the start; it does not stop a server that runs. */
  readonly signal?: AbortSignal;
  readonly blueprints: readonly Blueprint[];
  /**
   * What becomes of a version that has another shape than it was served with before: `refuse`, where absent, does not start while
   * jobs or other servers have the old one; `take` serves the new one, and such jobs stand still.
   */
  readonly changedShapes?: "refuse" | "take";
  /** Every client's that has no named one; none where absent. */
  readonly clientToken?: string;
  /** Tokens of clients by their names, which histories keep. */
  readonly clientTokens?: ReadonlyMap<string, string>;
  readonly workerToken: string;
  /** A TOML file of tokens for single workers. */
  readonly workersFile?: string;
  readonly log: Logger;
  /** Names this server among others; the hostname where absent. */
  readonly instanceId?: string;
  readonly clock?: Clock;
  readonly limits?: Partial<RuntimeLimits>;
  /** How long a worker of the older dialect may be silent before its tasks go to others; 300 seconds where absent. */
  readonly workerTimeoutMs?: number;
  /** Where ended jobs go when they have been kept for long enough: `sqlite:<path>` or `postgresql://…`. */
  readonly archiveUri?: string;
  /** How long ended jobs are kept whose blueprint does not say, in milliseconds; for ever where absent. */
  readonly retentionMs?: number;
  /** How long idempotency keys are kept at least, in milliseconds; a day where absent. */
  readonly keyMs?: number;
  readonly gatewayLimits?: Partial<GatewayLimits>;
  /** Where the built console lies: the package's own build where absent. */
  readonly consoleDirectory?: string;
}

export interface Server {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly runtime: Runtime;
  readonly blueprints: BlueprintRegistry;
  /**
   * Take nothing new, tell workers to go, finish what is under way, and close the store.
   *
   * @param graceMs how long workers may take to deliver what they finish, 2000 where absent
   */
  close(graceMs?: number): Promise<void>;
}

const defaultGraceMs = 2_000;

/**
 * Start a server.
 *
 * @throws RuntimeError what opening the store throws (`store.*`), `server.port_in_use`, `config.invalid`,
 *   `blueprint.invalid`, `blueprint.duplicate`, `blueprint.shape_changed`
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { host = "127.0.0.1", port = 0, log, clock = systemClock } = options;
  const { instanceId = hostname() } = options;
  const blueprints = registered(options.blueprints, log);
  const { workersFile } = options;
  const tokens = new WorkerTokens(
    options.workerToken,
    workersFile === undefined ? undefined : await readWorkersFile(workersFile),
  );
  const nodeId = `${instanceId}-${newEpoch()}`;
  const { archiveUri, retentionMs, keyMs } = options;
  // First of all, so that a server which can't have its port has not touched anything.
  const http = await listenAt({ host, port });
  const ends: (() => Promise<void>)[] = [];
  const takeDown = async (): Promise<void> => {
    const ended = [];
    for (const end of ends.toReversed()) ended.push(...(await Promise.allSettled([end()])));
    const failed = ended.find((one) => one.status === "rejected");
    if (failed) throw failed.reason as Error;
  };
  try {
    const archive = archiveUri === undefined ? undefined : await openArchive(archiveUri);
    if (archive) ends.push(() => archive.close());
    const storeLog = log.child({ part: "store" });
    const opened = await openStore(options, clock, nodeId, storeLog);
    const { store, condition, absence, where } = opened;
    ends.push(() => store.close());
    const stopping = new AbortController();
    const runtime = createRuntime({
      store,
      blueprints,
      clock,
      log,
      ...(options.limits && { limits: options.limits }),
      ...(archive && { archive }),
      ...(retentionMs !== undefined && { retentionMs }),
      ...(keyMs !== undefined && { keyMs }),
    });
    ends.push(() => runtime.stop());
    const charts = new ChartRenderer(blueprints);
    const gateway = createGateway({
      workers: runtime.workers,
      relay: runtime.relay,
      tokens,
      clock,
      log: log.child({ part: "gateway" }),
      limits: {
        ...(options.workerTimeoutMs !== undefined && { olderLeaseMs: options.workerTimeoutMs }),
        ...options.gatewayLimits,
      },
    });
    const appOptions: AppOptions = {
      jobs: runtime.jobs,
      past: runtime.past,
      versions: runtime.versions,
      workers: runtime.workers,
      queues: runtime.queues,
      quarantine: runtime.quarantine,
      blueprints,
      charts,
      contractOf: (name, version) => contractOf(blueprints.require(name, version)),
      authenticate: createAuthenticate({
        ...(options.clientToken !== undefined && { shared: options.clientToken }),
        ...(options.clientTokens && { named: options.clientTokens }),
      }),
      instanceId,
      clock,
      log: log.child({ part: "http" }),
      unready: () => (stopping.signal.aborted ? "The server is stopping." : absence()),
      storeCondition: condition,
      rewinds: () => runtime.rewinds(),
      consoleDirectory: options.consoleDirectory ?? builtConsole,
      stopping: stopping.signal,
      ...(workersFile !== undefined && {
        async reloadWorkers() {
          tokens.replace(await readWorkersFile(workersFile));
          gateway.recheckTokens();
          log.info({ workersFile }, "workers' tokens have been read again");
        },
      }),
    };
    const routes = createRoutes(appOptions);
    const clients = createClientSockets(routes, appOptions);
    const { changedShapes: changed = "refuse" } = options;
    await keepVersions({ store, blueprints, log, changed });
    await runtime.start();
    http.answer(createApp(routes, appOptions), {
      onRequest: (request, response) => gateway.handleRequest(request, response),
      onUpgrade: (request, socket, head) =>
        gateway.handleUpgrade(request, socket, head) ||
        clients.handleUpgrade(request, socket, head),
    });
    log.info({ url: http.url, ...where }, "server is listening");
    archive?.list({ limit: 1 }).catch((error: unknown) => {
      log.error({ err: error }, "the archive can't be used; ended jobs stay in the live store");
    });

    return {
      url: http.url,
      runtime,
      blueprints,
      async close(graceMs = defaultGraceMs) {
        stopping.abort();
        await Promise.all([gateway.close(graceMs), clients.close(graceMs), http.close(graceMs)]);
        await takeDown();
        log.info("server has stopped");
      },
    };
  } catch (error) {
    await takeDown();
    await http.close(0);
    throw error;
  }
}

/** `dist/console` of the package, from the sources and from the build alike. */
const builtConsole = join(
  import.meta.dirname,
  import.meta.dirname.endsWith(join("dist", "src")) ? "../console" : "../dist/console",
);

function registered(blueprints: readonly Blueprint[], log: Logger): BlueprintRegistry {
  const registry = new BlueprintRegistry();
  for (const blueprint of blueprints)
    for (const { code, where, message, severity } of registry.register(blueprint))
      if (severity === "warning")
        log.warn({ blueprint: blueprint.name, code, where }, `lint: ${message}`);
  return registry;
}
