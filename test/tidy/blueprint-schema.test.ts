// The published JSON Schema of blueprint documents is the one that the product checks them by.
import { expect, test } from "vitest";
import { blueprintJsonSchema } from "../../src/blueprint/interchange/document.ts";
import { read } from "./repository.ts";

test("docs/blueprint.schema.json is up to date", () =>
  expect(JSON.parse(read("docs/blueprint.schema.json"))).toEqual(blueprintJsonSchema()));
