// The archive in a real Postgres keeps every promise; it may go away and come back, and no job is lost or held up.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "pg";
import { openArchive } from "../../src/archive/open-archive.ts";
import { endedJob, exerciseArchive } from "../support/archive-cases.ts";
import { eventually } from "../support/eventually.ts";
import { startLiveServer } from "../support/live-server.ts";
import {
  postgresPrograms,
  startPostgresServer,
  type PostgresServer,
} from "../support/postgres-server.ts";

const missing = postgresPrograms === undefined;
const why = missing ? " (skipped: no Postgres is installed; Debian has it as `postgresql`)" : "";

describe.skipIf(missing)(`an archive in Postgres${why}`, () => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await startPostgresServer();
  });
  afterAll(() => postgres.close());

  exerciseArchive(() => openArchive(postgres.uri));

  test("is made once by many nodes that start at once", async () => {
    await query(postgres.uri, "DROP TABLE job_archive, job_archive_history, job_archive_format");
    const nodes = await Promise.all(Array.from({ length: 8 }, () => openArchive(postgres.uri)));
    await Promise.all(nodes.map((node, index) => node.put([endedJob(`n${index}`)], index)));
    expect((await nodes[0]!.list({ limit: 99 })).jobs).toHaveLength(8);
    expect(await query(postgres.uri, "SELECT format FROM job_archive_format")).toHaveLength(1);
    await Promise.all(nodes.map((node) => node.close()));
  });

  test("takes the jobs around one that it will never take", async () => {
    const archive = await openArchive(postgres.uri);
    const { job, history } = endedJob("nul");
    const nul = { job: { ...job, summary: { ...job.summary, currentState: "\0" } }, history };
    await expect(archive.put([endedJob("before"), nul], 1)).rejects.toMatchObject({
      code: "archive.refused",
    });
    expect(await archive.load("before")).toBeUndefined();
    await archive.close();
  });

  test("is unavailable while its server is down, and works when it is back", async () => {
    const archive = await openArchive(postgres.uri);
    await archive.put([endedJob("kept")], 1);
    await postgres.kill();
    for (const call of [archive.load("kept"), archive.put([endedJob("late")], 1)])
      await expect(call).rejects.toMatchObject({ code: "archive.unavailable" });
    await postgres.start();
    expect(await archive.load("kept")).toBeDefined();
    await archive.put([endedJob("late")], 1);
    expect(await archive.load("late")).toBeDefined();
    await archive.close();
  });

  test("takes ended jobs of a server, which answers them from there, and does without while it is silent", async () => {
    const live = await startLiveServer({ archiveUri: postgres.uri, retentionMs: 1000 });
    const run = async (): Promise<string> => {
      const { body } = await live.call(
        "POST",
        "/jobs",
        { blueprint: "test_flow", data: { message: "hi", multiply: 2 } },
        { prefer: "wait=30" },
      );
      expect(body).toMatchObject({ status: "finished" });
      return (body as { job_id: string }).job_id;
    };
    const isArchived = async (jobId: string) =>
      (await query(postgres.uri, `SELECT 1 FROM job_archive WHERE job_id = '${jobId}'`)).length > 0;
    const first = await run();
    const shown = await eventually(
      async () => {
        const { body } = await live.call("GET", `/api/v1/jobs/${first}`);
        return (body as { archived_at?: string }).archived_at !== undefined && body;
      },
      { timeoutMs: 30_000, intervalMs: 100 },
    );
    expect(shown).toMatchObject({ status: "finished", finished: true, current_state: "completed" });
    const history = await live.call("GET", `/api/v1/jobs/${first}/history`);
    expect((history.body as unknown[]).length).toBeGreaterThan(1);
    expect(await live.call("POST", `/api/v1/jobs/${first}/events`, { type: "GO" })).toMatchObject({
      status: 409,
      body: { code: "job.archived" },
    });
    const archived = await live.call("GET", "/api/v1/jobs/page?archived=true&blueprint=test_flow");
    expect(archived.body).toMatchObject({ jobs: [{ job_id: first }] });

    // A server that holds connections and says nothing.
    postgres.pause();
    const silent = [await run(), await run()];
    for (const jobId of silent)
      expect((await live.call("GET", `/api/v1/jobs/${jobId}`)).body).not.toHaveProperty(
        "archived_at",
      );
    postgres.resume();
    for (const jobId of silent)
      await eventually(() => isArchived(jobId), { timeoutMs: 100_000, intervalMs: 200 });
    await live.close();
  });
});

async function query(uri: string, text: string): Promise<readonly unknown[]> {
  const client = new Client({ connectionString: uri });
  await client.connect();
  const { rows } = await client.query(text);
  await client.end();
  return rows as readonly unknown[];
}
