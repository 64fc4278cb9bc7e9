// The page `docs/protocol.md` names every route, job member, status, frame and frame member, and no frame member too many.
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { contract } from "../../src/protocol/contract.ts";
import { Job, JobStatus, PlainJob } from "../../src/protocol/job.ts";
import { StreamEvent } from "../../src/protocol/job-event.ts";
import { serverFrames, workerFrames } from "../../src/protocol/message.ts";
import {
  AttemptRef,
  closeCodes,
  OfferedType,
  TaskError,
} from "../../src/protocol/worker-frames.ts";
import { jobStatuses } from "../../src/store/records.ts";
import { codesIn, tableRows } from "./repository.ts";

const page = "docs/protocol.md";
const firstColumn = (heading: string): readonly string[] =>
  tableRows(page, heading).flatMap(([cell = ""]) => codesIn(cell));

/** The members of an object schema, or of every branch of a union of them. */
function membersOf(schema: z.ZodType): readonly string[] {
  if ("shape" in schema) return Object.keys(schema.shape as object);
  const { options } = schema as unknown as { options: readonly z.ZodType[] };
  return [...new Set(options.flatMap(membersOf))];
}

describe("the routes", () => {
  test("are those of the contract, in its order", () => {
    const routes = Object.values(contract).map(
      ({ method, path, under }) => `${method} ${under === "api" ? "/api/v1" : ""}${path}`,
    );
    expect(firstColumn("Routes")).toEqual(routes);
  });
});

describe("a job", () => {
  test("has each of its members in the table", () =>
    expect(firstColumn("The members of a job").toSorted()).toEqual(membersOf(Job).toSorted()));
  test("has each of its members in the table of the plain dialect", () =>
    expect(firstColumn("The plain job").toSorted()).toEqual(membersOf(PlainJob).toSorted()));
  test("has one of the statuses of the closed list", () => {
    expect(firstColumn("The status of a job")).toEqual(jobStatuses);
    expect(JobStatus.options).toEqual(jobStatuses);
  });
  test("streams the events that are shown", () =>
    expect(firstColumn("The event stream")).toEqual(
      StreamEvent.options.map(({ shape }) => shape.type.value),
    ));
});

describe("frames", () => {
  const frames = [...workerFrames, ...serverFrames];
  test.each(frames)("%s has each of its members in its table, and no other", (type, schema) => {
    const members = membersOf(schema).filter((member) => member !== "type");
    expect(firstColumn(`\`${type}\``).toSorted()).toEqual(members.toSorted());
  });
  test.each([
    ["Attempt reference", AttemptRef],
    ["Offered type", OfferedType],
    ["Task error", TaskError],
  ] as const)("%s has each of its members in its table", (heading, schema) =>
    expect(firstColumn(heading).toSorted()).toEqual(membersOf(schema).toSorted()),
  );
  test("close with the codes that are shown", () => {
    const shown = tableRows(page, "Close codes").map(([code = "", name = ""]) => [
      codesIn(name)[0],
      Number(code),
    ]);
    expect(Object.fromEntries(shown)).toEqual(closeCodes);
  });
});
