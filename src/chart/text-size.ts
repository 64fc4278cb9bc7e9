// How wide a text will be: an estimate, because the server has no fonts and the reader's are not known.

/** Widths in hundredths of the font size, a little above those of common sans-serif fonts. */
const classes: readonly (readonly [RegExp, number])[] = [
  [/[ijl.,:;!|'`]/, 31],
  [/[ftr()[\]{}/\\\- "*]/, 40],
  [/[mw%@]/, 90],
  [/[MW]/, 98],
  [/[A-Z&]/, 71],
  [/[\u{1100}-\u{115f}\u{2e80}-\u{a4cf}\u{ac00}-\u{d7a3}\u{f900}-\u{faff}\u{ff00}-\u{ff60}]/u, 104],
  [/\p{Extended_Pictographic}/u, 120],
];
const usual = 60;

/** @returns the width in the unit of `fontSize`, not narrower than most fonts draw it. */
export function textWidth(text: string, fontSize: number): number {
  let hundredths = 0;
  for (const char of text)
    hundredths += classes.find(([pattern]) => pattern.test(char))?.[1] ?? usual;
  return (hundredths * fontSize) / 100;
}

/** Cut a text that is too long to draw; the whole one belongs in a tooltip. */
export function shorten(text: string, charsMax: number): string {
  const chars = Array.from(text);
  return chars.length <= charsMax ? text : `${chars.slice(0, charsMax - 1).join("")}…`;
}
