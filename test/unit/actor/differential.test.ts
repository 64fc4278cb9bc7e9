// Random machines as jobs of the kernel and in live XState: the same states, contexts, children, timers and actions.
import { expect, test, vi } from "vitest";
import { compareWithLive } from "../../support/differential.ts";

test("500 random machines do in the kernel what they do live", { timeout: 180_000 }, () => {
  // XState warns of each event for an actor that has ended, and random machines send many.
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  let inputs = 0;
  for (let seed = 1; seed <= 500; seed++) {
    const { difference, ...found } = compareWithLive(seed);
    inputs += found.inputs;
    expect(difference, `replay: npm run fuzz -- --machines 1 --seed ${seed}`).toBeUndefined();
  }
  expect(inputs).toBeGreaterThan(7500);
  warn.mockRestore();
});
