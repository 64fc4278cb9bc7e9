// What this worker has loaded and would do at once, as it tells the server: names of models, data sets, sessions.
import type { Logger } from "pino";
import { hotNamesMax, type HotCache as HotCacheFrame } from "../src/protocol/worker-frames.ts";

/** The longest name that a frame takes. */
const nameCharsMax = 256;

export class HotCache {
  readonly #names = new Set<string>();
  readonly #tell: (frame: HotCacheFrame) => void;
  readonly #log: Logger;

  constructor(tell: (frame: HotCacheFrame) => void, log: Logger) {
    this.#tell = tell;
    this.#log = log;
  }

  get names(): readonly string[] {
    return [...this.#names];
  }

  /** @throws TypeError where the name is not a text of 1 to 256 characters. */
  add(name: string): void {
    if (typeof name !== "string" || name.length < 1 || name.length > nameCharsMax)
      throw new TypeError(`A name in the hot cache is a text of 1 to ${nameCharsMax} characters.`);
    if (this.#names.has(name)) return;
    if (this.#names.size >= hotNamesMax) {
      this.#log.warn({ name, most: hotNamesMax }, "the hot cache is full; the name is not told");
      return;
    }
    this.#names.add(name);
    this.#tell({ type: "hot_cache", add: [name], remove: [] });
  }

  remove(name: string): void {
    if (this.#names.delete(name)) this.#tell({ type: "hot_cache", add: [], remove: [name] });
  }
}
