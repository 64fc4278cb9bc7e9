// Several nodes choose workers each among its own: that costs something, and no more than is written down.
import { expect, test } from "vitest";
import { dispatchDistance } from "../../../support/dispatch-distance.ts";

test("four nodes at three quarters of their load pay at most 1.3 times what one node pays", async () => {
  const measured = { load: 0.75, jobs: 200, seed: 3 };
  const best = await dispatchDistance({ ...measured, nodes: 1 });
  const spread = await dispatchDistance({ ...measured, nodes: 4 });
  expect(spread / best).toBeGreaterThanOrEqual(1);
  expect(spread / best).toBeLessThan(1.3);
});
