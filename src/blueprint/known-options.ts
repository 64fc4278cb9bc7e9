// Options that nobody knows, told with what was probably meant: a misspelt one must not count for nothing.

/** Every option that there is, for the compiler to compare with a type. */
export type KnownOptions<Options> = Readonly<Record<keyof Options, true>>;

/** What the Python system calls it, without its underscores → what to write instead, the first that is known. */
const meant: Readonly<Record<string, readonly string[]>> = {
  timeout: ["timeoutMs", "totalTimeoutMs"],
  timeoutms: ["timeoutMs", "totalTimeoutMs"],
  timeoutseconds: ["timeoutMs", "totalTimeoutMs"],
  totaltimeoutms: ["totalTimeoutMs", "timeoutMs"],
  dispatchtimeout: ["queueTimeoutMs", "timeoutMs"],
  dispatchtimeoutseconds: ["queueTimeoutMs", "timeoutMs"],
  resulttimeout: ["runTimeoutMs", "timeoutMs"],
  resulttimeoutseconds: ["runTimeoutMs", "timeoutMs"],
  dispatchstrategy: ["strategy"],
  resourcerequirements: ["requirements"],
  resourcehint: ["requirements"],
  skilltype: ["requirements"],
  skillversion: ["requirements"],
  tasktype: ["type"],
  blueprintname: ["blueprint"],
  input: ["params", "initialData"],
  maxretries: ["retry"],
};

/** Letters that may differ between an option and the one that was meant. */
const slipsMax = 2;

/**
 * The first option that is not known, in words.
 *
 * @returns the end of a sentence that begins with who was given it; undefined where all are known
 */
export function unknownOption(
  given: unknown,
  known: Readonly<Record<string, true>>,
): string | undefined {
  if (typeof given !== "object" || given === null)
    return `takes an object of options, not ${JSON.stringify(given) ?? String(given)}`;
  const name = Object.keys(given).find((one) => !Object.hasOwn(known, one));
  if (name === undefined) return undefined;
  const plain = plainName(name);
  const names = Object.keys(known);
  const instead =
    names.find((one) => plainName(one) === plain) ??
    meant[plain]?.find((one) => Object.hasOwn(known, one)) ??
    names.find((one) => one.length > 3 && slips(plainName(one), plain) <= slipsMax);
  const unit = instead?.endsWith("Ms") && /seconds$/i.test(name) ? ", in milliseconds" : "";
  return instead === undefined
    ? `has no option \`${name}\`; there are ${names.join(", ")}`
    : `has no option \`${name}\`; \`${instead}\`${unit} is meant`;
}

const plainName = (name: string): string => name.replaceAll("_", "").toLowerCase();

/** How many letters have to be put in, left out or changed to make one text of the other. */
function slips(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let index = 0; index < a.length; index++) {
    const next = [index + 1];
    for (let at = 0; at < b.length; at++) {
      const changed = row[at]! + (a[index] === b[at] ? 0 : 1);
      next.push(Math.min(row[at + 1]! + 1, next[at]! + 1, changed));
    }
    row = next;
  }
  return row[b.length]!;
}
