// Executable content of SCXML as one XState action for each block: what fails ends its block with an error event.
import { enqueueActions, log, sendParent, stateIn, type ActionFunction } from "xstate";
import { scxmlEvent, type ConvertedEvent } from "./event.ts";
import {
  eventProcessor,
  httpLocation,
  literal,
  plainCopy,
  revived,
  type Data,
  type Session,
  type Surroundings,
} from "./scripting.ts";
import {
  declare,
  delayMs,
  NotConvertible,
  noDom,
  payload,
  scriptText,
  type DocumentParts,
} from "./values.ts";
import type { XmlElement } from "./xml.ts";

/** The context of a converted machine. */
export interface ScxmlContext {
  readonly data: Data;
  readonly session: Session;
  /** Counts send ids given by the machine. */
  readonly sends: number;
  /** Errors of the data model that the first step has to raise. */
  readonly initErrors: number;
}

type Action = ActionFunction<
  ScxmlContext,
  ConvertedEvent,
  ConvertedEvent,
  undefined,
  never,
  never,
  never,
  never,
  never
>;
type Enqueue = Parameters<
  Parameters<typeof enqueueActions<ScxmlContext, ConvertedEvent, undefined>>[0]
>[0];

const processorTypes = [
  "",
  "scxml",
  "http://www.w3.org/TR/scxml/",
  eventProcessor,
  "http://www.w3.org/TR/scxml/#BasicHTTPEventProcessor",
];

/** One block: an `<onentry>`, an `<onexit>`, or the content of a transition. */
export function block(elements: readonly XmlElement[], parts: DocumentParts): Action {
  elements.forEach(assertConvertible);
  return enqueueActions((args: Enqueue) => new BlockRun(args, parts).run(elements)) as Action;
}

/** Raises what went wrong where no block could: in the data model, or in a condition. */
export function raiseErrors(count: (context: ScxmlContext) => number): Action {
  return enqueueActions(({ context, enqueue }: Enqueue) => {
    for (let raised = 0; raised < count(context); raised++) enqueue.raise(executionError());
  }) as Action;
}

function assertConvertible(element: XmlElement): void {
  const { name, children } = element;
  if ((name === "content" || name === "assign") && children.length > 0) {
    throw new NotConvertible(noDom);
  }
  children.forEach(assertConvertible);
}

const executionError = (sendid?: string): ConvertedEvent => ({
  type: "error.execution",
  kind: "platform",
  ...(sendid !== undefined && { sendid }),
});

class BlockRun {
  readonly #args: Enqueue;
  readonly #parts: DocumentParts;
  readonly #seen: Surroundings;
  #sends: number;
  /** The id of the `<send>` that runs, for the error event. */
  #sendId: string | undefined;

  constructor(args: Enqueue, parts: DocumentParts) {
    const { context, event, check } = args;
    this.#args = args;
    this.#parts = parts;
    this.#sends = context.sends;
    this.#seen = {
      data: revived(context.data),
      event: scxmlEvent(event),
      session: context.session,
      isActive: (id) => check(stateIn(`#${parts.stateId(id)}`) as never),
    };
  }

  run(elements: readonly XmlElement[]): void {
    const { enqueue } = this.#args;
    try {
      this.#all(elements);
    } catch {
      enqueue.raise(executionError(this.#sendId));
    }
    enqueue.assign({ data: plainCopy(this.#seen.data), sends: this.#sends });
  }

  #all(elements: readonly XmlElement[]): void {
    for (const element of elements) this.#one(element);
  }

  #one(element: XmlElement): void {
    const { enqueue } = this.#args;
    const { attributes } = element;
    switch (element.name) {
      case "raise":
        return enqueue.raise({ type: attributes["event"]!, kind: "internal" });
      case "send":
        return this.#send(element);
      case "cancel":
        return enqueue.cancel(this.#given(element, "sendid") as string);
      case "assign":
        return this.#assign(
          attributes["location"]!,
          attributes["expr"] === undefined
            ? literal(element.text, this.#parts.scripting, this.#seen)
            : this.#evaluate(attributes["expr"]),
        );
      case "if":
        return this.#if(element);
      case "foreach":
        return this.#foreach(element);
      case "log":
        return this.#log(attributes["expr"], attributes["label"]);
      case "script":
        return this.#parts.scripting.run(scriptText(element, this.#parts), this.#seen);
      case "data": {
        const id = attributes["id"]!;
        if (!Object.hasOwn(this.#seen.data, id)) declare(element, this.#parts, this.#seen);
        return;
      }
      case "donedata":
        return void payload(element, this.#parts, this.#seen);
      default:
        throw new NotConvertible(`<${element.name}> is no executable content`);
    }
  }

  #log(expression: string | undefined, label: string | undefined): void {
    const value = expression ? plainCopy(this.#evaluate(expression)) : undefined;
    this.#args.enqueue(log(() => value, label));
  }

  #if(element: XmlElement): void {
    let isChosen = this.#holds(element);
    let isDecided = isChosen;
    for (const part of element.children) {
      if (part.name === "elseif" || part.name === "else") {
        isChosen = !isDecided && (part.name === "else" || this.#holds(part));
        isDecided ||= isChosen;
      } else if (isChosen) this.#one(part);
    }
  }

  #holds = (element: XmlElement): boolean => Boolean(this.#evaluate(element.attributes["cond"]!));

  #foreach(element: XmlElement): void {
    const { array, item, index } = element.attributes;
    const items = this.#evaluate(array!);
    if (!Array.isArray(items)) throw new Error(`'${array}' is no array`);
    const { data } = this.#seen;
    for (const name of [item!, ...(index === undefined ? [] : [index])]) {
      if (!/^[A-Za-z_$][\w$]*$/.test(name)) throw new Error(`'${name}' is no name`);
      data[name] ??= undefined;
    }
    for (const [position, value] of [...items].entries()) {
      this.#assign(item!, value);
      if (index !== undefined) this.#assign(index, position);
      this.#all(element.children);
    }
  }

  #send(element: XmlElement): void {
    const { enqueue, self, context } = this.#args;
    const { idlocation, id } = element.attributes;
    const { session } = context;
    const sendid = id ?? (idlocation === undefined ? undefined : `send.${++this.#sends}`);
    if (idlocation !== undefined) this.#assign(idlocation, sendid);
    this.#sendId = sendid;
    const delayText = this.#given(element, "delay");
    const target = (this.#given(element, "target") ?? "") as string;
    const type = (this.#given(element, "type") ?? "") as string;
    if (!processorTypes.includes(type)) throw new Error(`No processor '${type}'`);
    const event = {
      type: this.#given(element, "event") as string,
      data: payload(element, this.#parts, this.#seen),
      ...(sendid !== undefined && { sendid }),
    };
    const external: ConvertedEvent = {
      ...event,
      kind: "external",
      origin: `#_scxml_${session.id}`,
      origintype: eventProcessor,
      ...(session.invokeId !== undefined &&
        target === "#_parent" && { invokeid: session.invokeId }),
    };
    const options = {
      ...(sendid !== undefined && { id: sendid }),
      ...(delayText !== undefined && { delay: delayMs(delayText as string) }),
    };
    const own = `#_scxml_${session.id}`;
    const isOwn = ["", own, httpLocation(session)].includes(target);
    if (target === "#_internal") enqueue.raise({ ...event, kind: "internal" });
    else if (isOwn) enqueue.sendTo(self as never, external as never, options);
    else if (target === "#_parent" && session.invokeId !== undefined) {
      enqueue(sendParent(external, options) as never);
    } else if (target.startsWith(`${own}/`)) {
      enqueue.sendTo(target.slice(own.length + 1) as never, external as never, options);
    } else if (target.startsWith("#_scxml_") || target === "#_parent") {
      enqueue.raise({ ...executionError(sendid), type: "error.communication" });
    } else if (target.startsWith("#_")) {
      enqueue.sendTo(target.slice(2) as never, external as never, options);
    } else throw new Error(`No target '${target}'`);
    this.#sendId = undefined;
  }

  /** An attribute, or the value of the expression beside it. */
  #given(element: XmlElement, name: string): unknown {
    const expression = element.attributes[`${name}expr`];
    return expression === undefined ? element.attributes[name] : this.#evaluate(expression);
  }

  #evaluate(expression: string): unknown {
    return this.#parts.scripting.evaluate(expression, this.#seen);
  }

  #assign(location: string, value: unknown): void {
    this.#parts.scripting.assign(location, plainCopy(value), this.#seen);
  }
}
