// Every failure a caller can meet: a stable code, its HTTP status, and whether trying again can help.

/** The one table of codes. A code never changes its meaning; `docs/errors.md` says what to do about each. */
export const errorCodes = {
  "action.missing": { status: 500, retryable: false },
  "archive.format_newer": { status: 500, retryable: false },
  "archive.refused": { status: 500, retryable: false },
  "archive.unavailable": { status: 503, retryable: true },
  "approval.invalid_decision": { status: 400, retryable: false },
  "approval.not_awaited": { status: 409, retryable: false },
  "auth.missing_token": { status: 401, retryable: false },
  "auth.invalid_token": { status: 401, retryable: false },
  "auth.origin_refused": { status: 403, retryable: false },
  "auth.token_in_url": { status: 401, retryable: false },
  "blueprint.duplicate": { status: 409, retryable: false },
  "blueprint.input_invalid": { status: 422, retryable: false },
  "blueprint.invalid": { status: 422, retryable: false },
  "blueprint.load_failed": { status: 500, retryable: false },
  "blueprint.not_found": { status: 404, retryable: false },
  "blueprint.shape_changed": { status: 409, retryable: false },
  "config.invalid": { status: 500, retryable: false },
  "config.insecure": { status: 500, retryable: false },
  "context.not_json": { status: 500, retryable: false },
  "envelope.unreadable": { status: 500, retryable: false },
  "event.invalid": { status: 422, retryable: false },
  "event.reserved": { status: 400, retryable: false },
  "flow.too_many_transitions": { status: 500, retryable: false },
  "handler.failed": { status: 500, retryable: true },
  "handler.invalid_action": { status: 500, retryable: false },
  "interchange.invalid": { status: 422, retryable: false },
  "interchange.not_exportable": { status: 422, retryable: false },
  "interchange.unregistered": { status: 422, retryable: false },
  internal: { status: 500, retryable: true },
  "job.archived": { status: 409, retryable: false },
  "job.finished": { status: 409, retryable: false },
  "job.not_restartable": { status: 409, retryable: false },
  "job.revision_not_found": { status: 404, retryable: false },
  "job.too_many_deferred": { status: 429, retryable: true },
  "job.not_found": { status: 404, retryable: false },
  "job.not_redrivable": { status: 409, retryable: false },
  "protocol.frame_invalid": { status: 400, retryable: false },
  "protocol.frame_unexpected": { status: 400, retryable: false },
  "protocol.frame_unknown": { status: 400, retryable: false },
  "protocol.hello_timeout": { status: 408, retryable: true },
  "protocol.subprotocol_required": { status: 426, retryable: false },
  "protocol.version_unsupported": { status: 400, retryable: false },
  "machine.illegal_state": { status: 500, retryable: false },
  "machine.threw": { status: 500, retryable: false },
  "replay.diverged": { status: 500, retryable: false },
  "replay.unreadable": { status: 500, retryable: false },
  "request.body_too_large": { status: 413, retryable: false },
  "request.invalid": { status: 400, retryable: false },
  "request.invalid_json": { status: 400, retryable: false },
  "request.method_not_allowed": { status: 405, retryable: false },
  "request.not_found": { status: 404, retryable: false },
  "request.streams": { status: 400, retryable: false },
  "server.answer_unexpected": { status: 502, retryable: false },
  "server.busy": { status: 503, retryable: true },
  "server.not_ready": { status: 503, retryable: true },
  "server.port_in_use": { status: 500, retryable: true },
  "server.stopping": { status: 503, retryable: true },
  "server.unreachable": { status: 503, retryable: true },
  "store.access_denied": { status: 503, retryable: true },
  "store.closed": { status: 503, retryable: true },
  "store.contended": { status: 503, retryable: true },
  "store.corrupt": { status: 500, retryable: false },
  "store.durability_unmet": { status: 503, retryable: true },
  "store.evicting": { status: 503, retryable: true },
  "store.format_newer": { status: 500, retryable: false },
  "store.full": { status: 503, retryable: true },
  "store.in_use": { status: 500, retryable: true },
  "store.rewound": { status: 500, retryable: false },
  "store.unavailable": { status: 503, retryable: true },
  "store.unusable": { status: 500, retryable: false },
  "task.unhandled_status": { status: 500, retryable: false },
  "worker.load_failed": { status: 500, retryable: false },
  "worker.outbox_unusable": { status: 500, retryable: false },
  "worker.refused": { status: 403, retryable: false },
} as const satisfies Record<string, { status: number; retryable: boolean }>;
export type ErrorCode = keyof typeof errorCodes;

/** A broken promise with a stable code. Expected outcomes are return values instead. */
export class RuntimeError extends Error {
  override readonly name = "RuntimeError";
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    details: Record<string, unknown> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    this.details = details;
  }

  /** The HTTP status that the code is answered with. */
  get status(): number {
    return errorCodes[this.code].status;
  }

  /** Whether the same call may succeed later. */
  get retryable(): boolean {
    return errorCodes[this.code].retryable;
  }
}
