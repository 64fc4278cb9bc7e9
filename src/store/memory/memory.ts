// What the nodes of one memory share, and how it begins.
import type { Clock } from "../../clock.ts";
import { newEpoch } from "../epoch.ts";
import { Neighbourhood } from "../local-nodes.ts";
import { StoreTime } from "../store-time.ts";
import { emptyImage, type Image } from "./image.ts";

export interface MemoryStoreOptions {
  readonly clock: Clock;
  /** Random when absent; fixed by simulations. */
  readonly epoch?: string;
  /** What `snapshot()` of an earlier store returned: the new store begins there. */
  readonly image?: Image;
  /** 1 where absent. */
  readonly shards?: number;
  /** Whether other nodes will see the same memory; false where absent. */
  readonly shared?: boolean;
  /** `node` where absent. */
  readonly nodeId?: string;
}

/** What the nodes of one memory share. */
export interface Memory {
  epoch: string;
  readonly shards: number;
  readonly time: StoreTime;
  readonly image: Image;
  readonly neighbourhood: Neighbourhood;
}

export function newMemory({
  clock,
  epoch = newEpoch(),
  image = emptyImage(),
  shards = 1,
  shared = false,
}: MemoryStoreOptions): Memory {
  return {
    epoch,
    shards,
    time: new StoreTime(clock, image.now),
    image: structuredClone(image),
    neighbourhood: new Neighbourhood(() => clock.monotonic(), shared),
  };
}

/** Put everything back as it was at a moment, under another epoch. */
export function rewind(memory: Memory, to: Image): void {
  const held = memory.image as unknown as Record<string, unknown>;
  for (const [name, value] of Object.entries(structuredClone(to))) {
    const map = held[name];
    if (!(map instanceof Map)) continue;
    map.clear();
    for (const [key, kept] of value as Map<unknown, unknown>) map.set(key, kept);
  }
  memory.epoch = newEpoch();
}
