// The blueprint's chart with the job's states lit. The server lays it out; here only classes change.
import { useEffect, useRef, useState } from "react";
import type { Client } from "../client/client.ts";

interface Props {
  readonly client: Client;
  readonly blueprint: string;
  readonly version: string;
  readonly active: readonly string[];
  readonly previous: readonly string[] | undefined;
}

export function ChartView({ client, blueprint, version, active, previous }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<SVGSVGElement>();
  const [problem, setProblem] = useState<string>();
  const [whole, setWhole] = useState(true);

  useEffect(() => {
    const stop = new AbortController();
    client
      .chart(blueprint, { version, signal: stop.signal })
      .then((text) => setChart(parseSvg(text)))
      .catch((error: unknown) => {
        if (!stop.signal.aborted) setProblem((error as Error).message);
      });
    return () => stop.abort();
  }, [client, blueprint, version]);

  useEffect(() => {
    if (chart) place.current?.replaceChildren(chart);
  }, [chart]);

  useEffect(() => {
    if (chart) light(chart, active, previous);
  }, [chart, active, previous]);

  return (
    <section className="panel chart-panel" aria-label="Chart">
      <div className="panel-head">
        <h2>Chart</h2>
        <button className="button quiet" type="button" onClick={() => setWhole(!whole)}>
          {whole ? "Full size" : "Fit"}
        </button>
      </div>
      {problem !== undefined && <p className="problem">{problem}</p>}
      {!chart && problem === undefined && <p className="faint">Drawing …</p>}
      {/* Scrollable with the keyboard. */}
      <div ref={place} className={whole ? "chart fit" : "chart"} tabIndex={0} />
    </section>
  );
}

function parseSvg(text: string): SVGSVGElement {
  const { documentElement } = new DOMParser().parseFromString(text, "image/svg+xml");
  if (!(documentElement instanceof SVGSVGElement)) throw new Error("The chart is not a picture.");
  return document.importNode(documentElement, true);
}

function light(
  chart: SVGSVGElement,
  active: readonly string[],
  previous: readonly string[] | undefined,
): void {
  for (const state of chart.querySelectorAll<SVGElement>("[data-state]"))
    state.classList.toggle("active", active.includes(state.dataset["state"] ?? ""));
  const edges = [...chart.querySelectorAll<SVGElement>("[data-edge]")];
  const taken = previous ? takenEdges(edges, previous, active) : new Set<SVGElement>();
  for (const edge of edges) edge.classList.toggle("last", taken.has(edge));
}

/** The arrows by which the job may have come from one set of states to the other. */
function takenEdges(
  edges: readonly SVGElement[],
  before: readonly string[],
  now: readonly string[],
): ReadonlySet<SVGElement> {
  const entered = new Set(now.filter((state) => !before.includes(state)));
  const possible = edges.filter(
    ({ dataset }) =>
      before.includes(dataset["source"] ?? "") && entered.has(dataset["target"] ?? ""),
  );
  // An arrow from a state that was left tells more than one from a state around it.
  const left = possible.filter(({ dataset }) => !now.includes(dataset["source"] ?? ""));
  return new Set(left.length > 0 ? left : possible);
}
