// Every blueprint that ships can be gone through in all its states and transitions, on the real runtime.
import { findPaths, reply, type Told } from "avtomatika/testing";
import { expect, test } from "vitest";
import { join } from "node:path";
import { loadBlueprints } from "../../src/blueprint/load.ts";

const blueprints = await loadBlueprints(join(import.meta.dirname, "../../machines"));

/** What jobs are started with where the blueprint has no schema to make it from. */
const inputs: Readonly<Record<string, readonly unknown[]>> = {
  test_flow: [{ message: "hello", multiply: 2 }],
};

/** How work ends where that makes a difference which its schema does not tell. */
const outcomes: Readonly<Record<string, Readonly<Record<string, readonly Told[]>>>> = {
  image_album: { pipeline: [reply({ sheet: "sheet.webp" }), reply({ sheet: null })] },
};

// The order has a file of its own.
test.each(blueprints.filter(({ blueprint }) => blueprint.name !== "order_approval"))(
  "$blueprint.name",
  async ({ blueprint }) => {
    const given = inputs[blueprint.name];
    const found = await findPaths(blueprint, {
      ...(given && { inputs: given }),
      outcomes: outcomes[blueprint.name] ?? {},
    });
    found.assertComplete();
    for (const path of found.paths) {
      const { job, world } = await path.run();
      expect(job.state).toBe(path.endsIn);
      await world.close();
    }
  },
);
