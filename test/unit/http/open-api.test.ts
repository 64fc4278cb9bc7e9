// The OpenAPI document that a server tells of itself.
import { expect, test } from "vitest";
import { z } from "zod";
import { contract } from "../../../src/protocol/contract.ts";
import { openApiDocument } from "../../../src/http/open-api.ts";
import { openHttpWorld } from "./http-world.ts";

const Document = z.object({
  openapi: z.literal("3.1.0"),
  paths: z.record(z.string(), z.record(z.string(), z.looseObject({ operationId: z.string() }))),
  components: z.object({ schemas: z.record(z.string(), z.unknown()) }),
});

test("names every operation of the contract once, and each blueprint's endpoint", async () => {
  const world = await openHttpWorld();
  const { body } = await world.call("GET", "/openapi.json");
  const { paths } = Document.parse(body);
  const ids = Object.values(paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  const { startAtEndpoint: _, ...others } = contract;
  expect(ids.toSorted()).toEqual(
    [...Object.keys(others), "start_test_workflow", "start_test_flow", "start_door"].toSorted(),
  );
  expect(paths["/api/v2/doors"]?.["post"]).toMatchObject({
    requestBody: {
      content: {
        "application/json": { schema: { type: "object", required: ["name"] } },
      },
    },
  });
});

test("refers only to schemas that it has", async () => {
  const document = openApiDocument([], () => ({ events: [] }));
  const { components } = Document.parse(document);
  const references = JSON.stringify(document).match(/#\/components\/schemas\/\w+/g) ?? [];
  expect(references.length).toBeGreaterThan(0);
  for (const reference of references)
    expect(components.schemas).toHaveProperty(reference.split("/").at(-1)!);
});

test("describes what a blueprint takes, and leaves open what JSON Schema cannot say", () => {
  const fingerprint = { shape: "x" };
  const made = (name: string, input: z.ZodType) =>
    ({ name, version: "1", style: "native", endpoint: `/${name}`, input, fingerprint }) as const;
  const named = z.object({ n: z.number() }).meta({ id: "Named" });
  const blueprints = [
    made("odd", z.object({ when: z.date(), big: z.bigint(), own: z.custom(() => true) })),
    made("one", z.object({ a: named, b: named })),
    made("two", z.object({ a: z.string().meta({ id: "AlsoNamed" }) })),
  ];
  const document = openApiDocument(blueprints, () => ({ events: [] }));
  expect(Document.parse(document).paths).toMatchObject({
    "/api/odd": { post: { operationId: "start_odd" } },
    "/api/one": { post: { operationId: "start_one" } },
    "/api/two": { post: { operationId: "start_two" } },
  });
});
