// The composition root: builds every part of a server in order, and takes them down in the opposite one.
import type { Blueprint } from "./blueprint/blueprint.ts";
import { BlueprintRegistry } from "./blueprint/registry.ts";
import { systemClock, type Clock } from "./clock.ts";
import type { Logger } from "./logger.ts";
import type { RuntimeLimits } from "./runtime/runtime.ts";
import { createRuntime, type Runtime } from "./runtime/create-runtime.ts";

export interface ServerOptions {
  /** `127.0.0.1` where absent. */
  readonly host?: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** Where the embedded store lives; made where it is missing. */
  readonly dataDirectory: string;
  readonly blueprints: readonly Blueprint[];
  readonly clientToken: string;
  readonly workerToken: string;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly limits?: Partial<RuntimeLimits>;
  /** Where the built console lies; without it `/console/` says how to build it. */
  readonly consoleDirectory?: string;
}

export interface Server {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly runtime: Runtime;
  readonly blueprints: BlueprintRegistry;
  /** Take nothing new, tell workers to go, finish what is under way, and close the store. */
  close(): Promise<void>;
}

/**
 * Start a server.
 *
 * @throws RuntimeError `store.in_use`, `store.corrupt`, `store.format_newer`, `store.unusable`,
 *   `server.port_in_use`, `blueprint.invalid`, `blueprint.duplicate`
 */
export declare function startServer(options: ServerOptions): Promise<Server>;
void [createRuntime, systemClock];
