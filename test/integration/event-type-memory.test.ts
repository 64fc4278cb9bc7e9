// A client may name as many event types as it likes: a node's memory does not grow with them.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import type { Envelope } from "../../src/actor/envelope.ts";
import { start, step } from "../../src/actor/step.ts";
import { at, machineOf, origin } from "../support/actor-job.ts";
import { openWorld } from "../support/runtime-world.ts";
import { patientJob } from "../support/sample-blueprints.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const types = 100_000;
/** XState keeps about 229 bytes for each type and state that sees it: with all of them kept this would be over 20 MB. */
const growthMax = 6_000_000;

/** How much more is in use after all event types than after the first tenth of them. */
async function growth(take: (type: string) => void | Promise<unknown>): Promise<number> {
  const send = async (from: number, to: number): Promise<number> => {
    for (let n = from; n < to; n++) await take(`UNKNOWN_${n}`);
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = await send(0, types / 10);
  return (await send(types / 10, types)) - before;
}

test("events that no state takes leave nothing behind in a node", async () => {
  const { runtime } = await openWorld([patientJob]);
  const { jobId } = await runtime.jobs.start({ blueprint: "patient_job", input: {} });
  expect(await growth((type) => runtime.jobs.send(jobId, { type }))).toBeLessThan(growthMax);
  expect(await runtime.jobs.get(jobId)).toMatchObject({ revision: 1 });
});

test("nor do those that a wildcard takes, in the kernel", async () => {
  const machine = machineOf({
    id: "m",
    initial: "a",
    states: { a: { on: { "*": { actions: "note" } } } },
  });
  let envelope: Envelope = start(machine, origin, {}, at).envelope;
  const grown = await growth((type) => {
    const result = step(machine, envelope, { type: "event", event: { type } }, at);
    if (result.outcome === "stepped") ({ envelope } = result);
  });
  expect(envelope.revision).toBe(types + 1);
  expect(grown).toBeLessThan(growthMax);
});
