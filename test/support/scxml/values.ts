// What elements of SCXML that stand for values come to: data, parameters, content, scripts, durations.
import { literal, plainCopy, type Data, type Scripting, type Surroundings } from "./scripting.ts";
import { childrenNamed, type XmlElement } from "./xml.ts";

/** What a construct lacks in XState or in this converter. */
export class NotConvertible extends Error {}

/** What blocks of one document share. */
export interface DocumentParts {
  readonly scripting: Scripting;
  /** The id that XState has for a state of the document. */
  readonly stateId: (id: string) => string;
  /** The text of a file that the document names. */
  readonly file: (address: string) => string;
}

export const noDom = "XML as a value is a DOM, and a stored context holds only JSON values";

/** What `namelist`, `<param>` and `<content>` of an element come to. */
export function payload(element: XmlElement, parts: DocumentParts, seen: Surroundings): unknown {
  const [content] = childrenNamed(element, "content");
  if (content !== undefined) {
    const { expr } = content.attributes;
    return plainCopy(
      expr === undefined
        ? literal(jsonText(content.text), parts.scripting, seen)
        : parts.scripting.evaluate(expr, seen),
    );
  }
  const names = element.attributes["namelist"]?.trim().split(/\s+/) ?? [];
  const params = childrenNamed(element, "param");
  if (names.length + params.length === 0) return undefined;
  const value = (expression: string) => plainCopy(parts.scripting.evaluate(expression, seen));
  return Object.fromEntries([
    ...names.map((name) => [name, value(name)]),
    ...params.map(({ attributes: { name, expr, location } }) => [name, value(expr ?? location!)]),
  ]) as Data;
}

/** Braces that begin an expression would make a block of it. */
const jsonText = (text: string): string => (/^\s*\{/.test(text) ? `(${text})` : text);

/** Give a `<data>` its first value; undefined, and an error, where that can't be evaluated. */
export function declare(element: XmlElement, parts: DocumentParts, seen: Surroundings): void {
  const { id, expr, src } = element.attributes;
  seen.data[id!] = undefined;
  const text = src === undefined ? element.text : parts.file(src);
  if (expr !== undefined) seen.data[id!] = plainCopy(parts.scripting.evaluate(expr, seen));
  else if (text.trim() !== "") seen.data[id!] = literal(text, parts.scripting, seen);
}

export const scriptText = (element: XmlElement, parts: DocumentParts): string =>
  element.attributes["src"] === undefined ? element.text : parts.file(element.attributes["src"]);

/** A duration of CSS, in milliseconds. */
export function delayMs(text: string): number {
  const [, amount, unit] = /^([\d.]+)(ms|s)$/.exec(text.trim()) ?? [];
  if (amount === undefined) throw new Error(`'${text}' is no duration`);
  return Number(amount) * (unit === "s" ? 1000 : 1);
}
