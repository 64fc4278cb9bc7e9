// Whether a result is what was expected: every member that is named, as deep as it is named.

/** @returns where they differ, in words; undefined where everything expected is there. */
export function mismatch(actual: unknown, expected: unknown, path = "data"): string | undefined {
  if (typeof expected !== "object" || expected === null)
    return Object.is(actual, expected) ? undefined : differ(path, actual, expected);
  if (
    typeof actual !== "object" ||
    actual === null ||
    Array.isArray(actual) !== Array.isArray(expected)
  )
    return differ(path, actual, expected);
  if (Array.isArray(expected) && (actual as unknown[]).length !== expected.length)
    return `${path} has ${(actual as unknown[]).length} items, not ${expected.length}`;
  for (const [key, member] of Object.entries(expected)) {
    if (!Object.hasOwn(actual, key)) return `${path}.${key} is missing`;
    const found = mismatch((actual as Record<string, unknown>)[key], member, `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function differ(path: string, actual: unknown, expected: unknown): string {
  return `${path} is ${shown(actual)}, not ${shown(expected)}`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "absent";
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
