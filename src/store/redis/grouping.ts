// Flat answers of scripts as pairs, and arguments by the shard that they go to.

/** What stands in turns as pairs. */
export function pairs<First, Second>(
  flat: readonly (First | Second)[],
): readonly [First, Second][] {
  const found: [First, Second][] = [];
  for (let index = 0; index < flat.length; index += 2)
    found.push([flat[index] as First, flat[index + 1] as Second]);
  return found;
}

export function groupBy<Value>(
  values: readonly Value[],
  nameOf: (value: Value) => number,
): ReadonlyMap<number, readonly Value[]> {
  const groups = new Map<number, Value[]>();
  for (const value of values) {
    const name = nameOf(value);
    const group = groups.get(name);
    if (group) group.push(value);
    else groups.set(name, [value]);
  }
  return groups;
}
