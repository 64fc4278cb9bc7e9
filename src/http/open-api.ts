// The contract as an OpenAPI 3.1 document, with one operation for each blueprint that has an endpoint.
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
} from "zod-openapi";
import { z } from "zod";
import { contract, Problem, type Operation } from "../protocol/contract.ts";
import { StreamEvent } from "../protocol/job-event.ts";
import type { AppOptions, ServedBlueprint } from "./app-options.ts";
import { endpointPath } from "./endpoint-path.ts";

/** @param blueprints Every version of every blueprint, newest first within a name. */
export function openApiDocument(
  blueprints: readonly ServedBlueprint[],
  contractOf: AppOptions["contractOf"],
): object {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  const add = (
    path: string,
    id: string,
    operation: Operation,
    body: BodySchema = operation.body,
  ) => {
    const methods = (paths[path] ??= {});
    methods[operation.method.toLowerCase()] ??= operationObject(id, path, operation, body);
  };
  const { startAtEndpoint, sendEvent, ...others } = contract;
  for (const blueprint of blueprints) {
    const path = endpointPath(blueprint);
    const summary = `Start a job of ${blueprint.name}.`;
    if (path !== undefined)
      add(
        path,
        `start_${blueprint.name}`,
        { ...startAtEndpoint, summary },
        inputSchema(blueprint, path),
      );
  }
  add(`/api/v1${sendEvent.path}`, "sendEvent", sendEvent, eventSchema(blueprints, contractOf));
  for (const [id, operation] of Object.entries<Operation>(others))
    add(operation.under === "api" ? `/api/v1${operation.path}` : operation.path, id, operation);
  return createDocument({
    openapi: "3.1.0",
    info: {
      title: "Avtomatika",
      version: "1",
      description:
        "Start jobs, follow them, and send them events. Paths under `/api/v1` are also served under `/api` and under the API version of every blueprint.",
    },
    security: [{ token: [] }, { bearer: [] }],
    paths: paths as ZodOpenApiPathsObject,
    components: {
      schemas: { StreamEvent },
      securitySchemes: {
        token: { type: "apiKey", in: "header", name: "X-Avtomatika-Token" },
        bearer: { type: "http", scheme: "bearer" },
      },
    },
  });
}

type BodySchema = Operation["body"] | Readonly<Record<string, unknown>>;

/**
 * A blueprint's own schema is translated by itself: what JSON Schema cannot say is left open, and names
 * in it mean nothing to other blueprints. The `$id` makes its inner references its own.
 */
function inputSchema({ input }: ServedBlueprint, path: string): BodySchema {
  if (!input) return undefined;
  const schema = z.toJSONSchema(input, { io: "input", unrepresentable: "any" });
  return { ...schema, $id: `${path}/input` };
}

/** Any event, and besides what blueprints declare of theirs: which of them counts follows from the job. */
function eventSchema(
  blueprints: readonly ServedBlueprint[],
  contractOf: AppOptions["contractOf"],
): BodySchema {
  const declared = blueprints.flatMap(({ name, version, events = {} }) =>
    contractOf(name, version)
      .events.filter(({ type }) => Object.hasOwn(events, type))
      .map(({ type, schema }) => ({
        title: `${type} of ${name} ${version}`,
        ...schema,
        $id: `/api/v1/blueprints/${name}/${version}/events/${encodeURIComponent(type)}`,
      })),
  );
  if (declared.length === 0) return contract.sendEvent.body;
  const any = z.toJSONSchema(contract.sendEvent.body, { io: "input" });
  return { anyOf: [...declared, { title: "Any other", ...any }] };
}

function operationObject(
  operationId: string,
  path: string,
  { summary, auth, query, headers, answers, bodyIsOptional }: Operation,
  body: BodySchema,
): ZodOpenApiOperationObject {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  const params = z.object(Object.fromEntries(names.map((name) => [name, z.string()])));
  return {
    operationId,
    summary,
    ...(auth === "none" && { security: [] }),
    requestParams: {
      ...(names.length > 0 && { path: params }),
      ...(query && { query }),
      ...(headers && { header: headers }),
    },
    ...(body && {
      requestBody: {
        required: !bodyIsOptional,
        content: { "application/json": { schema: body } },
      },
    }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { about, schema, contentType }]) => [
          status,
          {
            description: about,
            ...(schema && { content: { [contentType ?? "application/json"]: { schema } } }),
          },
        ]),
      ),
      default: {
        description: "What went wrong; `docs/errors.md` lists every code.",
        content: { "application/json": { schema: Problem } },
      },
    },
  };
}
