// A chart with a place for everything: boxes, arrows and labels in one system of coordinates.
import type { ChartEdge, ChartNode } from "../blueprint/chart.ts";

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

export interface PlacedNode extends Box {
  readonly node: ChartNode;
  readonly hasChildren: boolean;
}

/** One arrow: a transition, or several between the same two states. */
export interface PlacedRoute {
  readonly edges: readonly [ChartEdge, ...ChartEdge[]];
  readonly points: readonly Point[];
  readonly label?: Box & { readonly lines: readonly string[] };
}

/** The dot and the arrow that show which state is entered first. */
export interface PlacedInitial {
  readonly state: string;
  readonly dot: Box;
  readonly points: readonly Point[];
}

export interface ChartLayout {
  readonly width: number;
  readonly height: number;
  /** Parents before their children, so that drawing in this order covers nothing. */
  readonly nodes: readonly PlacedNode[];
  readonly routes: readonly PlacedRoute[];
  readonly initials: readonly PlacedInitial[];
}
