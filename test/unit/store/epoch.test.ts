// Names for the lives of a store.
import { expect, test } from "vitest";
import { newEpoch } from "../../../src/store/epoch.ts";

test("epochs are short, of small letters and digits, and do not repeat", () => {
  const epochs = Array.from({ length: 1000 }, newEpoch);
  for (const epoch of epochs) expect(epoch).toMatch(/^[0-9a-z]{10}$/);
  expect(new Set(epochs).size).toBe(1000);
});
