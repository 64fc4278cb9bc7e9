// What workers of the Python system say over HTTP and WebSocket, and the paths at which they say it.
import { z } from "zod";

/** Where the older dialect lives. */
export const olderPrefix = "/_worker";
/** The most that a worker may say of itself at once, in bytes. */
export const descriptionBytesMax = 64 * 1024;
/** The largest output of a task, in bytes, as in the newer dialect. */
export const resultBytesMax = 1024 * 1024;
/** The most of a result that is read, so that the sender of one that is too large can be told so by its task. */
export const resultReadBytesMax = 16 * 1024 * 1024;

const text = z.string().max(512);
const name = z.string().min(1).max(128);

/** Any text that is no path and has no control characters. */
export const OlderWorkerId = z.string().regex(/^[^/\p{Cc}]{1,128}$/u);

/** Numbers that Python writes as it likes: `5`, `5.0`, `"5"`. */
const number = z.coerce.number();

/**
 * What a worker says of itself when it registers, and again, in part, with every heartbeat. Members that cannot be
 * understood are left out rather than refused: the worker would not come back with better ones. `reputation` is not
 * among them, because it is measured and not told.
 */
export const OlderDescription = z.object({
  worker_type: name.optional().catch(undefined),
  supported_tasks: z.array(name).max(1024).optional().catch(undefined),
  /** The plain dialect's word for `supported_tasks`. */
  task_types: z.array(name).max(1024).optional().catch(undefined),
  max_concurrent_tasks: number.pipe(z.int().min(1).max(100_000)).optional().catch(undefined),
  installed_models: z.array(z.unknown()).max(1024).optional().catch(undefined),
  hostname: text.optional().catch(undefined),
  ip_address: text.optional().catch(undefined),
  resources: z.record(z.string().max(128), z.unknown()).optional().catch(undefined),
  hot_cache: z.array(name).max(1024).optional().catch(undefined),
  cost_per_second: number.pipe(z.number().nonnegative()).optional().catch(undefined),
  status: z.string().max(64).optional().catch(undefined),
  /** How many tasks the process runs. */
  load: number.pipe(z.number().nonnegative()).optional().catch(undefined),
});
export type OlderDescription = z.infer<typeof OlderDescription>;

/** A result; what `result` may be is decided by hand, because almost anything is. */
export const OlderResult = z.object({
  job_id: z.string().min(1).max(512),
  task_id: z.string().min(1).max(600),
  worker_id: z.string().optional().catch(undefined),
  result: z.unknown().optional(),
  /** Of newer Python workers, which send the result's members beside the ids. */
  status: z.string().optional().catch(undefined),
  data: z.unknown().optional(),
  error: z.unknown().optional(),
});
export type OlderResult = z.infer<typeof OlderResult>;

/** The one thing that a worker says over its WebSocket, under either of two names. */
export const OlderProgress = z
  .object({
    type: z.unknown().optional(),
    event: z.unknown().optional(),
    task_id: z.string().min(1).max(600),
    /** 0 to 1, or 0 to 100. */
    progress: number.pipe(z.number().nonnegative()).optional().catch(undefined),
    message: z.coerce.string().optional().catch(undefined),
  })
  .refine(({ type, event }) => type === "progress_update" || event === "progress_update");
export type OlderProgress = z.infer<typeof OlderProgress>;

/** A task as `GET …/tasks/next` gives it. */
export interface OlderTask {
  readonly job_id: string;
  readonly task_id: string;
  readonly type: string;
  readonly params: unknown;
  readonly tracing_context: Readonly<Record<string, never>>;
  readonly priority: number;
}

/** What a worker is told over its WebSocket: `type` is what its library reads, `command` what its documents say. */
export interface OlderCommand {
  readonly type: "cancel_task";
  readonly command: "cancel_task";
  readonly task_id: string;
  readonly job_id: string;
}

/** JSON as Python's `json.dumps` writes it: a space after `,` and `:`, and nothing but ASCII. */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return `{${members.map(([key, member]) => `${ascii(key)}: ${pythonJson(member)}`).join(", ")}}`;
  }
  return typeof value === "string" ? ascii(value) : (JSON.stringify(value) ?? "null");
}

function ascii(string: string): string {
  return JSON.stringify(string).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
