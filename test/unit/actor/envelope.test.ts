// The engine's release that is stored with each job.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { engineVersion } from "../../../src/actor/envelope.ts";

test("the engine version is that of the installed XState", () => {
  const url = new URL("../../../node_modules/xstate/package.json", import.meta.url);
  const installed = JSON.parse(readFileSync(url, "utf8")) as { readonly version: string };
  expect(installed.version).toBe(engineVersion);
});
