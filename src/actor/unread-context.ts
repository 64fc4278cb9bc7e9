// A large context as it was stored: read when somebody needs it, so that steps which leave it alone cost neither a copy nor a new text.
import { RuntimeError } from "../errors.ts";
import { fromData } from "./data.ts";
import type { Envelope } from "./envelope.ts";

/** Stands in an envelope for a context in which there is nothing that JSON has no word for. */
export class UnreadContext {
  readonly text: string;
  #isGiven = false;
  /** Nobody else has it. */
  #kept: unknown;

  constructor(text: string) {
    this.text = text;
  }

  /**
   * The context, for the caller alone, who may change it in place. Most often nobody asks twice, so the first one is read
   * and given away; from the second on one is kept, and copied.
   *
   * @throws RuntimeError `envelope.unreadable`
   */
  own(): unknown {
    if (!this.#isGiven) {
      this.#isGiven = true;
      return this.#read();
    }
    this.#kept ??= this.#read();
    return fromData(this.#kept, (mark) => mark);
  }

  #read(): unknown {
    try {
      return JSON.parse(this.text);
    } catch (cause) {
      const message = "The envelope can't be read: its context is not JSON";
      throw new RuntimeError("envelope.unreadable", message, {}, { cause });
    }
  }
}

/** The context of an envelope, read where it has not been. Not to be changed in place. */
export const contextOf = ({ context }: Pick<Envelope, "context">): unknown =>
  context instanceof UnreadContext ? context.own() : context;
