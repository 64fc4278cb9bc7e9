// A runtime over the reference store, on time that tests move by hand.
import { pino } from "pino";
import type { Blueprint } from "../../src/blueprint/blueprint.ts";
import { BlueprintRegistry } from "../../src/blueprint/registry.ts";
import { createRuntime, type RuntimeOptions } from "../../src/runtime/create-runtime.ts";
import { MemoryStore } from "../../src/store/memory/memory-store.ts";
import { FakeClock } from "./fake-clock.ts";

export interface World {
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  readonly runtime: ReturnType<typeof createRuntime>;
}

/** Start a runtime. `store` continues an earlier world's store, as a restarted node would, or another node beside it. */
export async function openWorld(
  blueprints: readonly Blueprint[],
  {
    nodeId,
    ...options
  }: Partial<RuntimeOptions> & { store?: MemoryStore; clock?: FakeClock; nodeId?: string } = {},
): Promise<World> {
  const clock = options.clock ?? new FakeClock();
  const memory = options.store ?? new MemoryStore({ clock });
  const store = nodeId === undefined ? memory : memory.as(nodeId);
  const registry = new BlueprintRegistry();
  for (const blueprint of blueprints) registry.register(blueprint);
  const runtime = createRuntime({
    log: pino({ level: "silent" }),
    random: () => 1,
    ...options,
    store,
    clock,
    blueprints: registry,
  });
  await runtime.start();
  return { clock, store, runtime };
}
