// The HTTP application: every operation of the contract under its paths, the console, and an answer for everything else.
import { Hono } from "hono";
import { RuntimeError } from "../errors.ts";
import { contract, type Operation } from "../protocol/contract.ts";
import { failure, problem } from "./answer.ts";
import { httpLimits, type AppOptions, type ServedBlueprint } from "./app-options.ts";
import { consolePages, consolePath } from "./console-pages.ts";
import { apiPrefix, endpointPath } from "./endpoint-path.ts";
import { jobOperations } from "./job-operations.ts";
import { LongCalls } from "./long-calls.ts";
import { routeOf } from "./operation.ts";
import { pastOperations } from "./past-operations.ts";
import { quarantineOperations } from "./quarantine-operations.ts";
import { queueOperations } from "./queue-operations.ts";
import { serverOperations } from "./server-operations.ts";
import { versionOperations } from "./version-operations.ts";

/**
 * Build the application. Blueprints get their endpoints here, so they have to be registered before.
 *
 * @throws RuntimeError `blueprint.duplicate` where two blueprints come to the same path
 */
export function createApp(options: AppOptions): Hono {
  const { blueprints, authenticate, log } = options;
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
  const endpoints = blueprintEndpoints(blueprints.list());
  const prefixes = apiPrefixes(blueprints.list());
  const { startAtEndpoint, ...operations } = contract;

  const app = new Hono();
  const routes: Route[] = [];
  const serve = (operation: Operation, path: string, handle: ReturnType<typeof routeOf>): void => {
    app.on(operation.method, path.replaceAll(/\{(\w+)\}/g, ":$1"), handle);
    routes.push({ method: operation.method, pattern: pathPattern(path) });
  };
  const serveOperation = (name: keyof typeof operations): void => {
    const operation = operations[name];
    const handle = routeOf<typeof operation>(operation, handlers[name], authenticate);
    for (const prefix of operation.under === "api" ? prefixes : [""])
      serve(operation, `${prefix}${operation.path}`, handle);
  };

  for (const [path, blueprint] of endpoints)
    serve(startAtEndpoint, path, routeOf(startAtEndpoint, startAt(blueprint), authenticate));
  for (const name of Object.keys(operations) as (keyof typeof operations)[]) serveOperation(name);

  app.get("/", (context) => context.redirect(consolePath));
  app.get(consolePath.slice(0, -1), (context) => context.redirect(consolePath));
  app.get(`${consolePath}*`, consolePages(options.consoleDirectory));

  app.notFound(({ req }) => {
    const allowed = routes
      .filter(({ pattern }) => pattern.test(req.path))
      .map(({ method }) => method);
    if (req.method === "POST" && !allowed.includes("POST") && startPath.test(req.path))
      return problem(
        "blueprint.not_found",
        `No blueprint has the endpoint POST ${req.path}. GET /api/v1/blueprints lists those that are served.`,
      );
    if (allowed.length === 0)
      return problem("request.not_found", `There is nothing at ${req.method} ${req.path}.`);
    const allow = [
      ...new Set(allowed.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]))),
    ].join(", ");
    return problem("request.method_not_allowed", `${req.path} takes ${allow}, not ${req.method}.`, {
      headers: { allow },
    });
  });
  app.onError((error, { req }) => failure(error, log, { method: req.method, path: req.path }));
  return app;
}

/** Where blueprints have their endpoints, as a rule. */
const startPath = /^\/api\/(?:[^/]+\/)?jobs\/[^/]+$/;

interface Route {
  readonly method: string;
  readonly pattern: RegExp;
}

function pathPattern(path: string): RegExp {
  const literal = path.replaceAll(/[.~+]/g, String.raw`\$&`);
  return new RegExp(`^${literal.replaceAll(/\{\w+\}/g, "[^/]+")}$`);
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
