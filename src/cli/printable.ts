// Text from elsewhere, made safe for a terminal.

/** Control characters, which could move the cursor or change the terminal, but for tab and line feed. */
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Show control characters instead of obeying them. */
export function printable(text: string): string {
  return text.replaceAll(
    controls,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
