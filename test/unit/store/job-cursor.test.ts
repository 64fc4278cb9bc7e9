// Cursors name a place in the list of jobs.
import { expect, test } from "vitest";
import { byNewest, readCursor, writeCursor } from "../../../src/store/job-cursor.ts";

test("a cursor reads back as the place it was written for, whatever the id looks like", () => {
  for (const jobId of ["0_018f3c", "a-b-c", "line\nbreak", "7"]) {
    const place = { createdAt: 1_767_225_600_123, jobId };
    expect(readCursor(writeCursor(place))).toEqual(place);
  }
});

test("text that is no cursor is refused as the caller's mistake", () => {
  for (const text of ["", "-", "abc", "-j1", "A-j1", "1-", `${"z".repeat(12)}-j1`])
    expect(() => readCursor(text)).toThrow(expect.objectContaining({ code: "request.invalid" }));
});

test("newer jobs come first, and of those created at once the one with the higher id", () => {
  const places = [
    { createdAt: 1, jobId: "b" },
    { createdAt: 2, jobId: "a" },
    { createdAt: 1, jobId: "c" },
  ];
  expect(places.toSorted(byNewest).map(({ jobId }) => jobId)).toEqual(["a", "c", "b"]);
});
