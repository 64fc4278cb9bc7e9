// How an attempt's reports get to the server that gave it: over whatever connection there is to it now.
import type {
  AttemptRef,
  CheckpointAck,
  EventAck,
  StreamCredit,
} from "../src/protocol/worker-frames.ts";
import type { Feature } from "../src/protocol/worker-limits.ts";

/** What a server answers to reports. */
export type ReportAnswer = CheckpointAck | EventAck | StreamCredit;

export interface AttemptWire {
  /** Send an encoded frame about the attempt; it is lost where there is no connection. */
  send(ref: AttemptRef, frame: string): void;
  /**
   * What the attempt's server can be told, and how many bytes of a stream may be on their way to it; undefined before it
   * has said so on any connection.
   */
  server(ref: AttemptRef): { readonly features: ReadonlySet<string>; readonly windowBytes: number };
}

export function knows(wire: AttemptWire, ref: AttemptRef, feature: Feature): boolean {
  return wire.server(ref).features.has(feature);
}
