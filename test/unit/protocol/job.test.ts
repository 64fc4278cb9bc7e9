// The words of the wire are those of the store.
import { expect, test } from "vitest";
import { JobStatus } from "../../../src/protocol/job.ts";
import { jobStatuses } from "../../../src/store/records.ts";

test("the statuses that clients are told are those that jobs have", () => {
  expect(JobStatus.options).toEqual(jobStatuses);
});
