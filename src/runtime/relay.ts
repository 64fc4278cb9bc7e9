// What the edges of one node say to the same edges of all others, such as a word for a worker that talks to several of them.
import type { Nodes } from "../store/nodes.ts";
import type { Relay } from "./runtime.ts";

export class NodeRelay implements Relay {
  readonly #nodes: Nodes;
  readonly #listeners = new Set<(message: unknown) => void>();

  constructor(nodes: Nodes) {
    this.#nodes = nodes;
  }

  send(message: unknown): void {
    if (this.#nodes.shared) this.#nodes.tellAll({ kind: "relayed", message });
  }

  listen(hear: (message: unknown) => void): void {
    this.#listeners.add(hear);
  }

  /** Another node has sent something. */
  heard(message: unknown): void {
    for (const hear of this.#listeners) hear(message);
  }
}
