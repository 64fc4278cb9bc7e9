// Random machines as jobs of the kernel and in live XState: the same states, contexts, children, timers and actions.
import { expect, test, vi } from "vitest";
import { compareWithLive } from "../../support/differential.ts";

test("200 random machines do in the kernel what they do live", { timeout: 60_000 }, () => {
  // XState warns of each event for an actor that has ended, and random machines send many.
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  let inputs = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const { difference, ...found } = compareWithLive(seed);
    inputs += found.inputs;
    expect(difference, `replay: npm run fuzz -- --machines 1 --seed ${seed}`).toBeUndefined();
  }
  expect(inputs).toBeGreaterThan(3000);
  warn.mockRestore();
});
