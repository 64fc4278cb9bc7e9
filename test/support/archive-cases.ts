// The promises of an archive, proven the same way for every kind of database.
import { expect, test } from "vitest";
import type { Archive, EndedJob } from "../../src/archive/archive.ts";
import type { JobStatus } from "../../src/store/records.ts";

interface Ended {
  readonly steps?: number;
  readonly status?: JobStatus;
  readonly blueprint?: string;
  readonly createdAt?: number;
}

/** A job that has ended, with texts that databases have been known to get wrong. */
export function endedJob(jobId: string, ended: Ended = {}): EndedJob {
  const { steps = 3, status = "finished", blueprint = "order", createdAt = 1_000 } = ended;
  const history = Array.from({ length: steps }, (_, index) => ({
    revision: index + 1,
    now: createdAt + index * 10,
    epoch: "e1",
    message: {
      type: "event",
      event: { type: "GO", text: "é \u0000 ' ? $1 \ud83d\ude00" },
    } as const,
    currentState: `state${index + 1}`,
    status: index + 1 < steps ? ("waiting_for_event" as const) : status,
  }));
  const summary = {
    jobId,
    blueprint,
    version: "1",
    status,
    currentState: `state${steps}`,
    createdAt,
    updatedAt: createdAt + steps * 10,
  };
  const envelope = JSON.stringify({ jobId, text: "\u0000 ? $2 it's" });
  return { job: { summary, revision: steps, envelope }, history, style: "native" };
}

/** @param open the same database each time, empty at first */
export function exerciseArchive(open: () => Promise<Archive>): void {
  const using = (body: (archive: Archive) => Promise<void>) => async () => {
    const archive = await open();
    try {
      await body(archive);
    } finally {
      await archive.close();
    }
  };
  const idsOf = ({ jobs }: { readonly jobs: readonly { readonly jobId: string }[] }) =>
    jobs.map(({ jobId }) => jobId);

  test(
    "has nothing at first",
    using(async (archive) => {
      expect(await archive.load("j1")).toBeUndefined();
      expect(await archive.history("j1", 0, 10)).toEqual([]);
      expect(await archive.list({ limit: 10 })).toEqual({ jobs: [] });
      await archive.put([], 1);
    }),
  );

  test(
    "gives a job and its history as they were put in, also after it was opened again",
    using(async (archive) => {
      const ended = endedJob("j1");
      await archive.put([ended], 77_000);
      const again = await open();
      expect(await again.load("j1")).toEqual({ ...ended.job, style: "native", archivedAt: 77_000 });
      expect(await again.history("j1", 0, 10)).toEqual(ended.history);
      expect(await again.history("j1", 1, 1)).toEqual([ended.history[1]]);
      const { summary } = ended.job;
      expect(await again.list({ limit: 9 })).toEqual({
        jobs: [{ ...summary, archivedAt: 77_000 }],
      });
      await again.close();
    }),
  );

  test(
    "doubles nothing when a job is put in again, and has the later one of two",
    using(async (archive) => {
      await archive.put([endedJob("j1"), endedJob("j2")], 78_000);
      expect(await archive.history("j1", 0, 10)).toHaveLength(3);
      const shorter = endedJob("j1", { steps: 2, status: "cancelled" });
      await Promise.all([archive.put([shorter], 79_000), archive.put([shorter], 79_000)]);
      expect(await archive.history("j1", 0, 10)).toEqual(shorter.history);
      expect(await archive.load("j1")).toMatchObject({ revision: 2, archivedAt: 79_000 });
      expect(idsOf(await archive.list({ limit: 9 }))).toEqual(["j2", "j1"]);
    }),
  );

  test(
    "lists jobs newest first, page by page, filtered, ties by the code units of their ids",
    using(async (archive) => {
      const ids = ["a", "B", "a-b", "ab", "a_b", "Ä", "_", "0"];
      const jobs = ids.map((id) => endedJob(`p${id}`, { blueprint: "pages", createdAt: 5_000 }));
      const failed = endedJob("older", { blueprint: "pages", status: "failed", createdAt: 4_000 });
      await archive.put([failed, ...jobs], 80_000);
      const expected = [
        ...ids
          .map((id) => `p${id}`)
          .toSorted()
          .toReversed(),
        "older",
      ];
      const listed: string[] = [];
      for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
        const query = { limit: 4, blueprint: "pages", ...(cursor !== undefined && { cursor }) };
        const page = await archive.list(query);
        listed.push(...idsOf(page));
        cursor = page.next;
      }
      expect(listed).toEqual(expected);
      expect(idsOf(await archive.list({ limit: 9, status: "failed" }))).toEqual(["older"]);
      await expect(archive.list({ limit: 1, cursor: "nonsense" })).rejects.toMatchObject({
        code: "request.invalid",
      });
    }),
  );

  test(
    "takes histories that are longer than one statement may have values",
    using(async (archive) => {
      const long = endedJob("long", { steps: 4_000 });
      await archive.put([long, endedJob("short", { steps: 1 })], 81_000);
      expect(await archive.history("long", 0, 10_000)).toEqual(long.history);
      expect(await archive.history("short", 0, 10)).toHaveLength(1);
    }),
  );
}
