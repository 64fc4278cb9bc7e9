// Medians of records of numbers: the noise of a machine is in the rounds, not in what is printed.

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** One record whose every number is the median of those in its place. */
export function medians<Rec extends object>(records: readonly Rec[]): Rec {
  const [first] = records;
  return Object.fromEntries(
    Object.entries(first!).map(([name, value]) => {
      const all = records.map((record) => (record as Record<string, unknown>)[name]);
      return [name, typeof value === "number" ? median(all as number[]) : medians(all as object[])];
    }),
  ) as Rec;
}
