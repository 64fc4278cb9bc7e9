// Charts of registered blueprints in every format, laid out once for each.
import { chart } from "../blueprint/chart.ts";
import { exportBlueprint } from "../blueprint/interchange/export-machine.ts";
import { scxmlOf } from "../blueprint/interchange/scxml.ts";
import type { BlueprintRegistry } from "../blueprint/registry.ts";
import { chartDot } from "./dot.ts";
import { layoutChart } from "./layout.ts";
import { chartMermaid } from "./mermaid.ts";
import { chartSvg } from "./svg.ts";

export type ChartFormat = "svg" | "json" | "mermaid" | "dot" | "scxml" | "machine";

export class ChartRenderer {
  readonly #blueprints: BlueprintRegistry;
  /** By name, version and format. Bounded by what is registered. */
  readonly #rendered = new Map<string, Promise<string>>();

  constructor(blueprints: BlueprintRegistry) {
    this.#blueprints = blueprints;
  }

  /** @throws RuntimeError `blueprint.not_found`, `interchange.not_exportable` */
  render(name: string, version: string, format: ChartFormat): Promise<string> {
    const key = `${name}\n${version}\n${format}`;
    const earlier = this.#rendered.get(key);
    if (earlier) return earlier;
    const rendered = this.#render(name, version, format);
    this.#rendered.set(key, rendered);
    rendered.catch(() => this.#rendered.delete(key));
    return rendered;
  }

  async #render(name: string, version: string, format: ChartFormat): Promise<string> {
    const blueprint = this.#blueprints.require(name, version);
    if (format === "scxml") return scxmlOf(blueprint.machine);
    if (format === "machine") return JSON.stringify(exportBlueprint(blueprint));
    const graph = chart(blueprint.machine);
    switch (format) {
      case "json":
        return JSON.stringify(graph);
      case "mermaid":
        return chartMermaid(graph);
      case "dot":
        return chartDot(graph);
      case "svg":
        return chartSvg(await layoutChart(graph));
    }
  }
}
