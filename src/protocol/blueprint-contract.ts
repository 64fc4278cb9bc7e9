// The operations of the HTTP contract on blueprints: which there are, what each takes and gives, and how it looks.
import { z } from "zod";
import type { Operation } from "./contract.ts";

export const BlueprintEntry = z
  .object({
    name: z.string(),
    version: z.string(),
    style: z.enum(["native", "flow"]),
    shape: z.string().describe("Changes whenever the machine's states or transitions do."),
    start: z.string().optional().describe("Where jobs of it are started: `POST` to this path."),
  })
  .meta({ id: "BlueprintEntry" });
export type BlueprintEntry = z.infer<typeof BlueprintEntry>;

const schema = z.record(z.string(), z.unknown()).describe("JSON Schema; empty: anything fits.");

export const BlueprintContract = z
  .object({
    name: z.string(),
    version: z.string(),
    style: z.enum(["native", "flow"]),
    input: schema,
    output: schema,
    events: z.array(
      z.object({
        type: z.string(),
        schema,
        states: z.array(z.string()).describe("The states that take it."),
      }),
    ),
    tasks: z.array(
      z.object({
        type: z.string(),
        params: schema,
        output: schema,
        progress: schema.optional(),
      }),
    ),
    jobs: z.array(
      z.object({
        blueprint: z.string(),
        version: z.string().optional(),
        input: schema,
        output: schema,
      }),
    ),
  })
  .meta({ id: "BlueprintContract" });

export const chartFormats = ["svg", "json", "mermaid", "dot", "scxml", "machine"] as const;
export type ChartFormat = (typeof chartFormats)[number];
/** What each format is served as. */
export const chartContentTypes: Readonly<Record<ChartFormat, string>> = {
  svg: "image/svg+xml",
  json: "application/json; charset=utf-8",
  mermaid: "text/plain; charset=utf-8",
  dot: "text/vnd.graphviz",
  scxml: "application/scxml+xml",
  machine: "application/json; charset=utf-8",
};
/** Of a blueprint. */
export const version = z.string().max(64).optional().describe("The newest where absent.");

export const blueprintContract = {
  listBlueprints: {
    method: "GET",
    path: "/blueprints",
    under: "api",
    auth: "client",
    summary: "Every version of every blueprint.",
    answers: { 200: { about: "The blueprints.", schema: z.array(BlueprintEntry) } },
  },
  getContract: {
    method: "GET",
    path: "/blueprints/{name}/contract",
    under: "api",
    auth: "client",
    summary: "What a blueprint takes, gives and has done, as JSON Schema.",
    query: z.object({ version }),
    answers: { 200: { about: "The contract.", schema: BlueprintContract } },
  },
  getChart: {
    method: "GET",
    path: "/blueprints/{name}/chart",
    under: "api",
    auth: "client",
    summary: "A blueprint as a picture, or as the data of one.",
    query: z.object({ format: z.enum(chartFormats).default("svg"), version }),
    answers: {
      200: { about: "The chart.", schema: z.string(), contentType: chartContentTypes.svg },
    },
  },
  getGraph: {
    method: "GET",
    path: "/blueprints/{name}/graph",
    under: "api",
    auth: "client",
    summary: "A blueprint in the language of Graphviz.",
    query: z.object({ version }),
    answers: {
      200: { about: "The graph.", schema: z.string(), contentType: chartContentTypes.dot },
    },
  },
} as const satisfies Readonly<Record<string, Operation>>;
