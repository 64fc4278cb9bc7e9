// Store time goes with the monotonic clock.
import { expect, test } from "vitest";
import { StoreTime } from "../../../src/store/store-time.ts";
import { FakeClock } from "../../support/fake-clock.ts";

test("store time starts at the wall clock and goes on with the monotonic one", async () => {
  const clock = new FakeClock(5000);
  const time = new StoreTime(clock);
  expect(time.now()).toBe(5000);
  clock.wallSkewMs = -4000;
  await clock.advance(250);
  expect(time.now()).toBe(5250);
});

test("store time starts where it was left when the wall clock is behind, and goes on from there", async () => {
  const clock = new FakeClock(5000);
  const time = new StoreTime(clock, 9000);
  expect(time.now()).toBe(9000);
  await clock.advance(1);
  expect(time.now()).toBe(9001);
});

test("store time is in whole milliseconds and never goes back", () => {
  let monotonic = 0.75;
  const time = new StoreTime({
    now: () => 1_767_225_600_000,
    monotonic: () => monotonic,
    schedule: () => ({ cancel: () => undefined }),
  });
  let before = time.now();
  expect(before).toBe(1_767_225_600_000);
  for (let step = 0; step < 200; step++) {
    monotonic += 0.3;
    const now = time.now();
    expect(Number.isInteger(now)).toBe(true);
    expect(now).toBeGreaterThanOrEqual(before);
    before = now;
  }
  expect(before).toBe(1_767_225_600_060);
});
