// Every operation under each of its paths, whether it is asked over HTTP or over a client's socket.
import { RuntimeError } from "../errors.ts";
import { contract, type Operation } from "../protocol/contract.ts";
import { problem, type JsonAnswer } from "./answer.ts";
import { httpLimits, type AppOptions, type ServedBlueprint } from "./app-options.ts";
import { apiPrefix, endpointPath } from "./endpoint-path.ts";
import { jobOperations } from "./job-operations.ts";
import { LongCalls } from "./long-calls.ts";
import { performer, type Handler, type Perform } from "./operation.ts";
import { pastOperations } from "./past-operations.ts";
import { quarantineOperations } from "./quarantine-operations.ts";
import { queueOperations } from "./queue-operations.ts";
import { serverOperations } from "./server-operations.ts";
import { versionOperations } from "./version-operations.ts";

export interface Route {
  readonly operation: Operation;
  /** With `{name}` where a parameter stands. */
  readonly path: string;
  readonly perform: Perform;
}

interface Found {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

export class Routes {
  readonly #all: Route[] = [];
  readonly #plain = new Map<string, Found>();
  readonly #patterns: { readonly route: Route; readonly pattern: RegExp }[] = [];

  /** In the order in which they are looked at. */
  get all(): readonly Route[] {
    return this.#all;
  }

  /** Of two for one path the first one counts. */
  add(route: Route): void {
    const { operation, path } = route;
    const name = `${operation.method} ${path}`;
    this.#all.push(route);
    if (path.includes("{")) this.#patterns.push({ route, pattern: patternOf(path) });
    else if (!this.#plain.has(name)) this.#plain.set(name, { route, params: {} });
  }

  /** @param path without a query */
  find(method: string, path: string): Found | undefined {
    const plain = this.#plain.get(`${method} ${path}`);
    if (plain) return plain;
    for (const { route, pattern } of this.#patterns) {
      const groups = route.operation.method === method && pattern.exec(path)?.groups;
      if (groups) return { route, params: decoded(groups) };
    }
    return undefined;
  }

  /** The answer where nothing has been found. */
  nothingAt(method: string, path: string): JsonAnswer {
    const allowed = this.#all
      .filter((route) => patternOf(route.path).test(path))
      .map(({ operation }) => operation.method);
    if (method === "POST" && !allowed.includes("POST") && startPath.test(path))
      return problem(
        "blueprint.not_found",
        `No blueprint has the endpoint POST ${path}. GET /api/v1/blueprints lists those that are served.`,
      );
    if (allowed.length === 0)
      return problem("request.not_found", `There is nothing at ${method} ${path}.`);
    const allow = [
      ...new Set(allowed.flatMap((one) => (one === "GET" ? ["GET", "HEAD"] : [one]))),
    ].join(", ");
    return problem("request.method_not_allowed", `${path} takes ${allow}, not ${method}.`, {
      headers: { allow },
    });
  }
}

/**
 * The routes of a server. Blueprints get their endpoints here, so they have to be registered before.
 *
 * @throws RuntimeError `blueprint.duplicate` where two blueprints come to the same path
 */
export function createRoutes(options: AppOptions): Routes {
  const { blueprints } = options;
  const limits = { ...httpLimits, ...options.limits };
  const longCalls = new LongCalls(limits.longCallsMax, options.stopping);
  const { startAt, ...jobs } = jobOperations(options, limits, longCalls);
  const handlers = {
    ...jobs,
    ...pastOperations(options),
    ...versionOperations(options),
    ...quarantineOperations(options),
    ...queueOperations(options),
    ...serverOperations(options),
  };
  const prefixes = apiPrefixes(blueprints.list());
  const { startAtEndpoint, ...operations } = contract;
  const routes = new Routes();

  for (const [path, blueprint] of blueprintEndpoints(blueprints.list()))
    routes.add({
      operation: startAtEndpoint,
      path,
      perform: performer(startAtEndpoint, startAt(blueprint)),
    });
  for (const name of Object.keys(operations) as (keyof typeof operations)[]) {
    const operation: Operation = operations[name];
    const perform = performer(operation, handlers[name] as Handler<Operation>);
    for (const prefix of operation.under === "api" ? prefixes : [""])
      routes.add({ operation, path: `${prefix}${operation.path}`, perform });
  }
  return routes;
}

/** Where blueprints have their endpoints, as a rule. */
const startPath = /^\/api\/(?:[^/]+\/)?jobs\/[^/]+$/;

function patternOf(path: string): RegExp {
  const literal = path.replaceAll(/[.~+]/g, String.raw`\$&`);
  return new RegExp(`^${literal.replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)")}$`);
}

/** A part of a path that can't be decoded stands for itself, as in Hono. */
function decoded(groups: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(groups).map(([name, text]) => {
      try {
        return [name, decodeURIComponent(text)];
      } catch {
        return [name, text];
      }
    }),
  );
}

/** `/api`, and `/api/{version}` of every version in use; `v1` is always served. */
function apiPrefixes(blueprints: readonly ServedBlueprint[]): readonly string[] {
  const versions = blueprints.map(({ apiVersion }) => apiVersion);
  return [...new Set([undefined, "v1", ...versions])].map(apiPrefix);
}

/** By path. Of one blueprint's versions the newest that has the path is started there. */
function blueprintEndpoints(
  blueprints: readonly ServedBlueprint[],
): ReadonlyMap<string, ServedBlueprint> {
  const endpoints = new Map<string, ServedBlueprint>();
  for (const blueprint of blueprints) {
    const path = endpointPath(blueprint);
    if (path === undefined) continue;
    const other = endpoints.get(path);
    if (!other) endpoints.set(path, blueprint);
    else if (other.name !== blueprint.name)
      throw new RuntimeError(
        "blueprint.duplicate",
        `Blueprints "${other.name}" and "${blueprint.name}" both come to POST ${path}.`,
        { blueprints: [other.name, blueprint.name], path },
      );
  }
  return endpoints;
}
