// The shard that ids name.
import { expect, test } from "vitest";
import { shardOf, shardsMax } from "../../../src/store/shard.ts";

test("every shard is found in the ids that begin with it", () => {
  for (let shard = 0; shard < shardsMax; shard++) {
    const digits = shard.toString(36);
    expect(shardOf(`${digits}_job`)).toBe(shard);
    expect(shardOf(`${digits.padStart(2, "0")}_job:task`)).toBe(shard);
  }
});

test.each(["", "_", "a", "ab", "_1", "A_job", "1A_job", "é_job", "123_job", "-1_job", " 1_job"])(
  "'%s' names none, so it lies in the first",
  (id) => {
    expect(shardOf(id)).toBe(0);
  },
);
