// An SCXML document as an XState machine: states, transitions, history and invoked documents.
import { setup, type AnyStateMachine } from "xstate";
import { condition, type Guard } from "./condition.ts";
import { block, raiseErrors, type ScxmlContext } from "./content.ts";
import { covers, descriptors, scxmlEvent, type ConvertedEvent } from "./event.ts";
import {
  Scripting,
  plainCopy,
  revived,
  type Data,
  type Session,
  type Surroundings,
} from "./scripting.ts";
import {
  declare,
  noDom,
  NotConvertible,
  payload,
  scriptText,
  type DocumentParts,
} from "./values.ts";
import { childrenNamed, parseXml, type XmlElement } from "./xml.ts";

type Config = Record<string, unknown>;

/** What an invoked document is started with. */
interface SessionInput {
  readonly session: Session;
  /** First values for data of the same name. */
  readonly params: Data;
}

const invokeTypes = ["scxml", "http://www.w3.org/TR/scxml", "http://www.w3.org/TR/scxml/"];

/**
 * @param file gives the text of a file that the document names.
 * @throws NotConvertible for what XState has no construct for, or none that behaves alike.
 */
export function convertScxml(text: string, file: (address: string) => string): AnyStateMachine {
  return new DocumentConverter(parseXml(text), file).machine();
}

class DocumentConverter {
  readonly #root: XmlElement;
  readonly #parts: DocumentParts;
  readonly #ids = new Map<XmlElement, string>();
  readonly #parents = new Map<XmlElement, XmlElement>();
  readonly #byId = new Map<string, XmlElement>();
  readonly #actors: Record<string, AnyStateMachine> = {};

  constructor(root: XmlElement, file: (address: string) => string) {
    this.#root = root;
    const partsOfScripts = { file } as DocumentParts;
    const scripts = childrenNamed(root, "script").map((one) => scriptText(one, partsOfScripts));
    this.#parts = { scripting: new Scripting(scripts), stateId: plainId, file };
    this.#ids.set(root, "(scxml)");
    this.#name(root);
  }

  machine(): AnyStateMachine {
    const root = this.#root;
    for (const holder of this.#ids.keys()) {
      for (const element of dataOf(holder)) assertNoDom(element, this.#parts);
    }
    const config = {
      ...this.#compound(root),
      context: ({ input }: { readonly input: SessionInput | undefined }) => this.#context(input),
      entry: raiseErrors(({ initErrors }) => initErrors),
      output: ({ event }: { readonly event: { readonly output?: unknown } }) => event.output,
    };
    return setup({ actors: this.#actors }).createMachine(
      config as never,
    ) as unknown as AnyStateMachine;
  }

  #name(parent: XmlElement): void {
    for (const state of statesOf(parent)) {
      const id = state.attributes["id"] ?? `$${this.#ids.size}`;
      this.#ids.set(state, plainId(id));
      this.#parents.set(state, parent);
      this.#byId.set(id, state);
      this.#name(state);
    }
  }

  #context(input: SessionInput | undefined): ScxmlContext {
    const name = this.#root.attributes["name"] ?? "";
    const session = { ...(input?.session ?? { id: "session" }), name };
    const data: Data = {};
    const seen: Surroundings = { data, event: undefined, session, isActive: () => false };
    let initErrors = 0;
    for (const element of this.#earlyData()) {
      try {
        const id = element.attributes["id"];
        if (element.name === "script") {
          this.#parts.scripting.run(scriptText(element, this.#parts), seen);
        } else if (input !== undefined && Object.hasOwn(input.params, id!)) {
          data[id!] = input.params[id!];
        } else declare(element, this.#parts, seen);
      } catch {
        initErrors++;
      }
    }
    return { data: plainCopy(data), session, sends: 0, initErrors };
  }

  /** What has its value before the first state is entered, in document order; scripts come last. */
  #earlyData(): readonly XmlElement[] {
    const isLate = this.#root.attributes["binding"] === "late";
    const holders = isLate ? [this.#root] : [...this.#ids.keys()];
    const elements = holders.flatMap((holder) => dataOf(holder));
    return [...elements, ...childrenNamed(this.#root, "script")];
  }

  #state(state: XmlElement): Config {
    const id = this.#ids.get(state)!;
    if (state.name === "history") return { id, ...this.#history(state) };
    const inner = statesOf(state);
    const isCompound = state.name !== "parallel" && inner.length > 0;
    return {
      id,
      ...(state.name === "parallel" && { type: "parallel" }),
      ...(state.name === "final" && { type: "final" }),
      ...(isCompound ? this.#compound(state) : inner.length > 0 && { states: this.#states(state) }),
      entry: this.#entry(state),
      exit: childrenNamed(state, "onexit").map(({ children }) => block(children, this.#parts)),
      ...this.#transitions(state),
      ...this.#invokes(state),
      ...this.#output(state),
    };
  }

  #states(parent: XmlElement): Config {
    return Object.fromEntries(
      statesOf(parent).map((state) => [this.#ids.get(state)!, this.#state(state)]),
    );
  }

  #compound(state: XmlElement): Config {
    const states = this.#states(state);
    const [initial] = childrenNamed(state, "initial");
    const [transition] = initial === undefined ? [] : childrenNamed(initial, "transition");
    const named = transition?.attributes["target"] ?? state.attributes["initial"];
    const targets =
      named === undefined
        ? statesOf(state).slice(0, 1)
        : words(named).map((id) => this.#target(id));
    const actions = transition === undefined ? [] : [block(transition.children, this.#parts)];
    const only = targets.length === 1 ? targets[0] : undefined;
    if (only !== undefined && this.#parents.get(only) === state && only.name !== "history") {
      return { states, initial: { target: this.#ids.get(only)!, actions } };
    }
    // XState's initial state is a child. One that leads on at once is the nearest thing.
    const target = targets.map((one) => `#${this.#ids.get(one)!}`);
    return {
      states: { ...states, $initial: { always: { target, actions } } },
      initial: "$initial",
    };
  }

  #history(state: XmlElement): Config {
    const [transition] = childrenNamed(state, "transition");
    if (transition === undefined) return { type: "history", history: state.attributes["type"] };
    if (transition.children.length > 0) {
      throw new NotConvertible("XState's history states have no actions");
    }
    return {
      type: "history",
      history: state.attributes["type"] ?? "shallow",
      target: words(transition.attributes["target"]!).map(
        (id) => `#${this.#ids.get(this.#target(id))!}`,
      ),
    };
  }

  #entry(state: XmlElement): readonly unknown[] {
    const isLate = this.#root.attributes["binding"] === "late";
    const locations = childrenNamed(state, "invoke").flatMap((invoke, index) => {
      const { idlocation: location } = invoke.attributes;
      const expr = `'${this.#invokeId(state, invoke, index)}'`;
      return location === undefined ? [] : [assignment(location, expr)];
    });
    const blocks = [
      ...(isLate ? [dataOf(state)] : []),
      ...childrenNamed(state, "onentry").map(({ children }) => children),
      ...(locations.length > 0 ? [locations] : []),
      // An output can't raise its errors, so they are found here, before the done event.
      ...childrenNamed(state, "donedata").map((one) => [one]),
    ];
    return blocks.map((elements) => block(elements, this.#parts));
  }

  #output(state: XmlElement): Config {
    const [element] = childrenNamed(state, "donedata");
    if (element === undefined) return {};
    return {
      output: ({ context, event }: Given) => {
        try {
          return payload(element, this.#parts, seenBy(context, event));
        } catch {
          return undefined;
        }
      },
    };
  }

  /** In document order, which XState keeps within a descriptor and not among several. */
  #transitions(state: XmlElement): Config {
    const transitions = childrenNamed(state, "transition").map((element, index, all) => {
      const { event, cond } = element.attributes;
      const guard = cond === undefined ? undefined : condition(cond, this.#parts);
      return {
        keys: event === undefined ? undefined : words(event).flatMap(descriptors),
        config: this.#transition(state, element, guard, all.slice(0, index)),
      };
    });
    const eventless = transitions.filter(({ keys }) => keys === undefined);
    const keys = new Set(transitions.flatMap((one) => one.keys ?? []));
    const on = [...keys].map((key) => [
      key,
      transitions
        .filter((one) => one.keys?.some((wide) => covers(wide, key)))
        .map(({ config }) => config),
    ]);
    return {
      ...(on.length > 0 && { on: Object.fromEntries(on) as Config }),
      ...(eventless.length > 0 && { always: eventless.map(({ config }) => config) }),
    };
  }

  #transition(
    state: XmlElement,
    element: XmlElement,
    guard: Guard | undefined,
    earlier: readonly XmlElement[],
  ): Config {
    const { target, type } = element.attributes;
    const targets = words(target ?? "").map((id) => this.#target(id));
    const isInside = targets.every((one) => this.#isWithin(one, state));
    const isInternal =
      type === "internal" && isInside && state.name === "state" && statesOf(state).length > 0;
    const illegal = earlier.filter(
      ({ attributes: { cond } }) => cond !== undefined && !this.#parts.scripting.isLegal(cond),
    );
    return {
      ...(guard !== undefined && { guard }),
      ...(targets.length > 0 && {
        target: targets.map((one) => `#${this.#ids.get(one)!}`),
        reenter: !isInternal,
      }),
      actions: [
        // A condition that can't be evaluated is false, and an error; guards have no actions.
        ...(illegal.length > 0 ? [raiseErrors(() => illegal.length)] : []),
        ...(element.children.length > 0 ? [block(element.children, this.#parts)] : []),
      ],
    };
  }

  #invokes(state: XmlElement): Config {
    const invokes = childrenNamed(state, "invoke").map((invoke, index) => {
      const id = this.#invokeId(state, invoke, index);
      this.#actors[id] = this.#invoked(invoke);
      const input = ({ context, event }: Given): SessionInput => {
        const params = payload(withoutContent(invoke), this.#parts, seenBy(context, event));
        const session = { id: `${context.session.id}/${id}`, name: "", invokeId: id };
        return { session, params: (params ?? {}) as Data };
      };
      return { id, src: id, input };
    });
    return invokes.length > 0 ? { invoke: invokes } : {};
  }

  #invoked(invoke: XmlElement): AnyStateMachine {
    const { type = "scxml", src, srcexpr, autoforward } = invoke.attributes;
    const [content] = childrenNamed(invoke, "content");
    if (autoforward === "true") throw new NotConvertible("XState has no autoforward");
    if (childrenNamed(invoke, "finalize").some(({ children }) => children.length > 0)) {
      throw new NotConvertible("XState has no finalize");
    }
    if (!invokeTypes.includes(type)) throw new NotConvertible(`<invoke> of type '${type}'`);
    if (srcexpr !== undefined || content?.attributes["expr"] !== undefined) {
      throw new NotConvertible("XState names what it invokes in the machine, not at run time");
    }
    if (src !== undefined) return convertScxml(this.#parts.file(src), this.#parts.file);
    return new DocumentConverter(content!.children[0]!, this.#parts.file).machine();
  }

  /** The `<state>.<n>` that SCXML asks for, where the document gives none. */
  #invokeId(state: XmlElement, invoke: XmlElement, index: number): string {
    return invoke.attributes["id"] ?? `${this.#ids.get(state)!}.invoke${index}`;
  }

  #target(id: string): XmlElement {
    const found = this.#byId.get(id);
    if (found === undefined) throw new Error(`The document has no state '${id}'`);
    return found;
  }

  #isWithin(state: XmlElement, outer: XmlElement): boolean {
    const parent = this.#parents.get(state);
    return parent !== undefined && (parent === outer || this.#isWithin(parent, outer));
  }
}

interface Given {
  readonly context: ScxmlContext;
  readonly event: ConvertedEvent;
}

const seenBy = ({ data, session }: ScxmlContext, event: ConvertedEvent): Surroundings => ({
  data: revived(data),
  event: scxmlEvent(event),
  session,
  isActive: () => false,
});

const statesOf = (parent: XmlElement): readonly XmlElement[] =>
  childrenNamed(parent, "state", "parallel", "final", "history");

const dataOf = (holder: XmlElement): readonly XmlElement[] =>
  childrenNamed(holder, "datamodel").flatMap((model) => childrenNamed(model, "data"));

const words = (text: string): readonly string[] => text.split(/\s+/).filter(Boolean);

/** XState's ids and keys can't have dots. */
export const plainId = (id: string): string => id.replaceAll(".", "_");

const withoutContent = (element: XmlElement): XmlElement => ({
  ...element,
  children: childrenNamed(element, "param"),
});

const assignment = (location: string, expr: string): XmlElement => ({
  name: "assign",
  attributes: { location, expr },
  children: [],
  text: "",
});

function assertNoDom(element: XmlElement, parts: DocumentParts): void {
  const { src } = element.attributes;
  const text = src === undefined ? "" : parts.file(src);
  if (element.children.length > 0 || text.trimStart().startsWith("<")) {
    throw new NotConvertible(noDom);
  }
}
