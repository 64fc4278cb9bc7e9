// What a test of a worker is asked to do.

export interface WorkerTestOptions {
  /** How the worker is started. */
  readonly file: string;
  readonly args: readonly string[];
  /** For people. */
  readonly name: string;
  /** The environment of a process that is started with these values. */
  readonly environmentWith: (
    values: Readonly<Record<string, string>>,
  ) => Readonly<Record<string, string | undefined>>;
  /** Files that must be there, or there is nothing to test. */
  readonly require: readonly string[];
  readonly workerId: string;
  /** Where the worker serves HTTP; 0 chooses a free port, where anything is probed. */
  readonly workerPort: number;
  /** 0 chooses a free port. */
  readonly orchestratorPort: number;
  /** How long the worker may take to register, and for each task. */
  readonly timeoutMs: number;
  /** How long everything may take. */
  readonly deadlineMs: number;
  /** How long the worker may take to pick a task up. */
  readonly pickupMs: number;
  /** How long it may take to end when it is told to. */
  readonly shutdownMs: number;
  readonly heartbeats: number;
  readonly heartbeatTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** Task types to try; undefined for all that the worker offers. */
  readonly tasks?: readonly string[];
  /** The params of a task of this type. */
  readonly paramsOf: (type: string) => unknown;
  /** What the data of the first task must have in them. */
  readonly expect?: unknown;
  /** What a result's status may be. */
  readonly statuses: readonly string[];
  /** Params with which the first task must fail. */
  readonly failParams?: unknown;
  /** Paths of the worker's own HTTP endpoints. */
  readonly probes: readonly string[];
  readonly progress: boolean;
  readonly cancel: boolean;
  readonly concurrency: boolean;
  readonly retry: boolean;
  readonly duplicate: boolean;
  readonly restart: boolean;
  /** End the worker while a task runs. */
  readonly kill: boolean;
}
