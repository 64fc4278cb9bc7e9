// What the HTTP side is given: the runtime's services, and small ports for what it only shows.
import type { z } from "zod";
import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import type { ChartFormat } from "../protocol/blueprint-contract.ts";
import type {
  JobService,
  PastService,
  QuarantineService,
  QueueService,
  VersionService,
  WorkerService,
} from "../runtime/runtime.ts";
import type { Authenticate } from "./auth.ts";

/** A blueprint, as far as clients hear of it. */
export interface ServedBlueprint {
  readonly name: string;
  readonly version: string;
  readonly style: "native" | "flow";
  /** What a job may be started with. */
  readonly input?: z.ZodType;
  /** What events say, by their types, where that is declared. */
  readonly events?: Readonly<Record<string, z.ZodType>>;
  /** With a leading slash. */
  readonly endpoint?: string;
  readonly apiVersion?: string;
  readonly fingerprint: { readonly shape: string };
}

/** A `BlueprintContract`, of which the document for tools has the events. */
export interface ServedContract {
  readonly events: readonly {
    readonly type: string;
    readonly schema: Readonly<Record<string, unknown>>;
  }[];
}

export interface ServedBlueprints {
  /** Every version of every blueprint, newest first within a name. */
  list(): readonly ServedBlueprint[];
  /** The newest version where `version` is absent. */
  get(name: string, version?: string): ServedBlueprint | undefined;
}

export interface ChartRenderer {
  /** A blueprint that is there, in the format's own language. */
  render(name: string, version: string, format: ChartFormat): string | Promise<string>;
}

export interface HttpLimits {
  /** A silent event stream says that it still lives once in so many milliseconds. */
  readonly streamHeartbeatMs: number;
  /** The most event streams and waiting requests at once. */
  readonly longCallsMax: number;
}
export const httpLimits: HttpLimits = { streamHeartbeatMs: 15_000, longCallsMax: 10_000 };

export interface AppOptions {
  readonly jobs: JobService;
  readonly past: PastService;
  readonly versions: VersionService;
  readonly workers: Pick<WorkerService, "list">;
  readonly queues: QueueService;
  readonly quarantine: QuarantineService;
  readonly blueprints: ServedBlueprints;
  readonly charts: ChartRenderer;
  /** What a blueprint that is there takes, gives and has done. */
  readonly contractOf: (name: string, version: string) => ServedContract;
  /** Names this server among others. */
  readonly instanceId: string;
  /** Tells clients' tokens from others. */
  readonly authenticate: Authenticate;
  readonly clock: Clock;
  readonly log: Logger;
  /** Why the server takes no work now; undefined where it does. */
  readonly unready: () => string | undefined;
  /** What the server tells of its store with its readiness; JSON. */
  readonly storeCondition?: () => Readonly<Record<string, unknown>>;
  /** How often the store was seen to have gone back in time. */
  readonly rewinds?: () => { readonly rewound: number; readonly lost: number };
  /** Where the built console is. */
  readonly consoleDirectory: string;
  /** Read the workers' own tokens again; absent where there is no file of them. */
  readonly reloadWorkers?: () => Promise<void>;
  /** Aborted when the server stops: event streams end, and requests that wait are answered. */
  readonly stopping: AbortSignal;
  /** Where other than `httpLimits`. */
  readonly limits?: Partial<HttpLimits>;
}
