// Random machines in the kernel and in live XState: the same states, contexts, children, timers and actions.
import { expect, test } from "vitest";
import { compareWithLive } from "../../support/differential.ts";

test("500 random machines do in the kernel what they do live", { timeout: 60_000 }, () => {
  let inputs = 0;
  for (let seed = 1; seed <= 500; seed++) {
    const { difference, ...found } = compareWithLive(seed);
    inputs += found.inputs;
    expect(difference, `replay: npm run fuzz -- --machines 1 --seed ${seed}`).toBeUndefined();
  }
  expect(inputs).toBeGreaterThan(5000);
});
