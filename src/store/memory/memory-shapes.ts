// The shapes of versions in memory.
import type { Shapes } from "../shapes.ts";
import type { Image } from "./image.ts";

/** @param assertOpen throws once the store has been closed */
export function memoryShapes({ shapes }: Image, assertOpen: () => void): Shapes {
  return {
    async all() {
      assertOpen();
      return new Map(shapes);
    },
    async swap(version, was, is) {
      assertOpen();
      const kept = shapes.get(version);
      if (kept !== was) return kept;
      if (is === undefined) shapes.delete(version);
      else shapes.set(version, is);
      return is;
    },
  };
}
