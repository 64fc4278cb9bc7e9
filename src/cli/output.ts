// What a command has to say, on the standard output: one JSON document for programs, text for people.

/** Print a JSON document on a line of its own, spread out where a person looks. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, process.stdout.isTTY ? 2 : undefined));
}

/** Print a JSON document on one line: a stream has one for each thing that happens. */
export function printJsonLine(value: unknown): void {
  print(JSON.stringify(value));
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Tell a person something beside what was asked for. */
export function remark(text: string): void {
  process.stderr.write(`${text}\n`);
}
