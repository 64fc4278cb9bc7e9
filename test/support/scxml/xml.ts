// XML as a small tree: what the SCXML converter reads of a document, by local names.
import { SaxesParser } from "saxes";

export interface XmlElement {
  /** Without its namespace prefix. */
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** Its own text, without that of its elements. */
  readonly text: string;
}

interface OpenElement extends XmlElement {
  readonly children: XmlElement[];
  text: string;
}

/** @throws Error where the text is not well-formed. */
export function parseXml(text: string): XmlElement {
  const open: OpenElement[] = [];
  let root: XmlElement | undefined;
  const parser = new SaxesParser();
  const write = (part: string): void => {
    const inner = open.at(-1);
    if (inner !== undefined) inner.text += part;
  };
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ name, attributes }) => {
    const element = { name: localName(name), attributes, children: [], text: "" };
    open.at(-1)?.children.push(element);
    root ??= element;
    open.push(element);
  });
  parser.on("closetag", () => void open.pop());
  parser.on("text", write);
  parser.on("cdata", write);
  parser.write(text).close();
  if (root === undefined) throw new Error("The document has no element");
  return root;
}

const localName = (name: string): string => name.slice(name.indexOf(":") + 1);

export const childrenNamed = (
  element: XmlElement,
  ...names: readonly string[]
): readonly XmlElement[] => element.children.filter(({ name }) => names.includes(name));
