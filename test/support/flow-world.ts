// Flows of one or two states that wait for something, and the shortest way to run them.
import type { Blueprint } from "../../src/blueprint/blueprint.ts";
import { flow } from "../../src/blueprint/flow.ts";
import type { FlowHandler } from "../../src/blueprint/flow-handler.ts";
import { openWorld, type World } from "./runtime-world.ts";
import { ScriptedWorker } from "./scripted-worker.ts";

type Stores = Readonly<Record<string, never>>;
type Data = Readonly<Record<string, unknown>>;
type Target = "completed" | "failed" | "next" | "late" | "odd";
export type StartHandler = FlowHandler<Data, Stores, Target>;

/** A flow whose start state is decided by `handler`; every other state is an end. */
export function oneState(handler: StartHandler, name = "one_state"): Blueprint {
  return flow(name, { version: "1" })
    .state("start", { isStart: true, to: ["completed", "failed", "next", "late", "odd"] }, handler)
    .state("next", { isEnd: true })
    .state("late", { isEnd: true })
    .state("odd", { isEnd: true })
    .build();
}

export interface StartedFlow extends World {
  readonly jobId: string;
  readonly worker: ScriptedWorker;
  readonly job: () => ReturnType<World["runtime"]["jobs"]["get"]>;
}

/** A started job of the first blueprint, and a worker for tasks named `work`. */
export async function startFlow(
  blueprints: readonly Blueprint[],
  input: unknown = {},
): Promise<StartedFlow> {
  const world = await openWorld(blueprints);
  const worker = new ScriptedWorker(world.runtime.workers, "w", ["work"]);
  await worker.connect(2000);
  const { jobId } = await world.runtime.jobs.start({ blueprint: blueprints[0]!.name, input });
  await world.clock.advance(0);
  return { ...world, jobId, worker, job: () => world.runtime.jobs.get(jobId) };
}
