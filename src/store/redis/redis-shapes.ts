// The shapes of versions in Redis: one hash, in the slot of what is in no shard.
import type { Shapes } from "../shapes.ts";
import type { Calls } from "./calls.ts";
import { pairs } from "./grouping.ts";
import type { Keys } from "./keys.ts";

export class RedisShapes implements Shapes {
  readonly #calls: Calls;
  readonly #key: string;

  constructor(calls: Calls, keys: Keys) {
    this.#calls = calls;
    this.#key = keys.shapes;
  }

  async all(): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#calls.run("list-shapes", [this.#key], []);
    return new Map(pairs<string, string>(rows as string[]));
  }

  async swap(version: string, was = "", is = ""): Promise<string | undefined> {
    const kept = await this.#calls.runConfirmed("swap-shape", [this.#key], [version, was, is]);
    return (kept as string) || undefined;
  }
}
