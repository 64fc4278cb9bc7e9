// Callers in a closed loop: each begins its next call when its last one has been answered.

export interface LoopFigures {
  readonly calls: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** How long to go on: so many calls in all, or for so long. */
export type Extent = { readonly calls: number } | { readonly ms: number };

export async function closedLoop(
  callers: number,
  extent: Extent,
  call: (caller: number) => Promise<unknown>,
): Promise<LoopFigures> {
  const latencies: number[] = [];
  const begin = performance.now();
  let begun = 0;
  const goesOn = (): boolean =>
    "calls" in extent ? begun < extent.calls : performance.now() - begin < extent.ms;
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      while (goesOn()) {
        begun++;
        const sent = performance.now();
        await call(caller);
        latencies.push(performance.now() - sent);
      }
    }),
  );
  const seconds = (performance.now() - begin) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number =>
    latencies[Math.floor((latencies.length - 1) * share)] ?? Number.NaN;
  return {
    calls: latencies.length,
    perSecond: latencies.length / seconds,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}
