// Every blueprint that ships can be gone through in all its states and transitions, on the real runtime.
import { findPaths } from "avtomatika/testing";
import { expect, test } from "vitest";
import { join } from "node:path";
import { loadBlueprints } from "../../src/blueprint/load.ts";

const blueprints = await loadBlueprints(join(import.meta.dirname, "../../machines"));

/** What jobs are started with where the blueprint has no schema to make it from. */
const inputs: Readonly<Record<string, readonly unknown[]>> = {
  test_flow: [{ message: "hello", multiply: 2 }],
};

/** The kit plays no child jobs, no lists of tasks and no decisions of people: `machines.test.ts` goes these ways. */
const beyondTheKit: Readonly<Record<string, readonly string[]>> = {
  image_album: [
    "image_album.developing: STOP → image_album.stopped",
    "image_album.developing: done […] / keepSheet → image_album.choosing",
    "image_album.developing: done / keepProblem → image_album.choosing",
  ],
  image_survey: [
    "image_survey.start: all done → image_survey.counting",
    "image_survey.counting: (always) → image_survey.judging",
    "image_survey.judging: approved → image_survey.completed",
    "image_survey.judging: rejected, timeout → image_survey.failed",
  ],
};

// The order has a file of its own.
test.each(blueprints.filter(({ blueprint }) => blueprint.name !== "order_approval"))(
  "$blueprint.name",
  async ({ blueprint }) => {
    const given = inputs[blueprint.name];
    const found = await findPaths(blueprint, given ? { inputs: given } : {});
    found.assertComplete({ except: beyondTheKit[blueprint.name] ?? [] });
    for (const path of found.paths) {
      const { job, world } = await path.run();
      expect(job.state).toBe(path.endsIn);
      await world.close();
    }
  },
);
