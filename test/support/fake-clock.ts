// Time for the product's own tests: the clock that its users test with.
export { FakeClock } from "../../src/testing/fake-clock.ts";
