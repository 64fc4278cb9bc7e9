// The end of a call that waits, told from outside.

/**
 * What a wait needs of an `AbortSignal`, which is one of these. Those of short requests are lighter ones of their own
 * (`src/http/long-calls.ts`): in Node making a signal costs as much as reading the request.
 */
export interface Ending {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}
