// Commands about the past and the versions of jobs, as real processes against a real server.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadBlueprints } from "../../src/blueprint/load.ts";
import { runCli, type CliProcess } from "../support/cli-process.ts";
import { eventually } from "../support/eventually.ts";
import { clientToken, startLiveServer, type LiveServer } from "../support/live-server.ts";

const directory = mkdtempSync(join(tmpdir(), "avtomatika-cli-versions-"));
let live: LiveServer;

/** A folder with versions of the blueprint `parcel`: each a text of its states, and what it says besides. */
function folder(
  name: string,
  ...versions: readonly (readonly [string, string, string?])[]
): string {
  const path = join(directory, name);
  mkdirSync(path);
  const made = versions.map(
    ([version, states, more = ""]) =>
      `export const v${version} = blueprint("parcel", { version: "${version}", ${more} machine: setup({ delays: { patience: 1e6 } }).createMachine({
         id: "parcel", context: ({ input }) => ({ ...input }), initial: "packed", states: { ${states}, lost: { type: "final" } } }) });`,
  );
  writeFileSync(
    join(path, "parcel.ts"),
    `import { blueprint } from "${join(import.meta.dirname, "../../src/index.ts")}";
     import { setup } from "${import.meta.resolve("xstate")}";
     ${made.join("\n")}`,
  );
  return path;
}
const first = `packed: { on: { SEND: "sent", LOSE: "lost" } }, sent: { after: { patience: "lost" } }`;
const second = `packed: { on: { SEND: "under_way" } }, under_way: { after: { patience: "lost" } }`;
const migrate = `migrate: [{ from: "1", states: { sent: "under_way" }, context: (context) => ({ ...context, by: "post" }) }],`;
const served = folder("served", ["1", first], ["2", second, migrate]);

beforeAll(async () => {
  const blueprints = (await loadBlueprints(served)).map(({ blueprint }) => blueprint);
  live = await startLiveServer({ blueprints });
});
afterAll(async () => {
  await live.close();
  rmSync(directory, { recursive: true, force: true });
});

async function run(...args: readonly string[]) {
  const env = { AVTOMATIKA_URL: live.url, CLIENT_TOKEN: clientToken };
  const one = runCli(args, env);
  return { code: await one.exited, ...one.output };
}
async function document(...args: readonly string[]): Promise<{ code: unknown; said: unknown }> {
  const { code, stdout, stderr } = await run(...args, "--json");
  expect(stderr).toBe("");
  return { code, said: JSON.parse(stdout) };
}
async function start(...events: readonly string[]): Promise<string> {
  const request = { blueprint: "parcel", version: "1", data: { weight: 2 } };
  const { body } = await live.call("POST", "/jobs", request);
  const { job_id: jobId } = body as { job_id: string };
  for (const type of events) await live.call("POST", `/api/jobs/${jobId}/events`, { type });
  return jobId;
}

describe("jobs history", () => {
  test("shows every revision, and the job as it was after one of them", async () => {
    const jobId = await start("SEND");
    const table = await run("jobs", "history", jobId);
    expect(table.code).toBe(0);
    expect(table.stdout).toMatch(/^1 .* start +packed/m);
    expect(table.stdout).toMatch(/^2 .* SEND +packed → sent/m);
    const { said } = await document("jobs", "history", jobId);
    expect(said).toMatchObject([
      { revision: 1, previous_state: "", current_state: "packed", started: [] },
      { revision: 2, previous_state: "packed", current_state: "sent" },
    ]);
    const then = await run("jobs", "history", jobId, "--at", "2");
    expect(then.stdout).toMatch(/^timer +after patience in parcel\.sent, due 2/m);
    expect((await document("jobs", "history", jobId, "--at", "1")).said).toMatchObject({
      current_state: "packed",
      data: { weight: 2 },
    });
    expect(await run("jobs", "history", jobId, "--at", "3")).toMatchObject({ code: 3, stdout: "" });
    await live.call("POST", `/api/jobs/${jobId}/cancel`);
  });
});

describe("jobs restart", () => {
  test("starts a new job from a revision with an edited context, and says who did it", async () => {
    const jobId = await start("LOSE");
    const args = ["jobs", "restart", jobId, "--from", "1", "--context", '{"weight":3}'];
    const { said } = await document(...args);
    const { job_id: again } = said as { job_id: string };
    expect((await run("jobs", "get", again)).stdout).toContain(`${jobId}, revision 1`);
    expect((await run("jobs", "get", again)).stdout).toContain('{"weight":3}');
    expect((await run("jobs", "history", jobId)).stdout).toMatch(
      new RegExp(`restarted as ${again}, by .+@.+ \\(avtomatika\\)`),
    );
    expect((await run("jobs", "restart", jobId, "--from", "2")).code).toBe(1);
    expect((await run("jobs", "restart", jobId, "--from", "1", "--context", "[]")).code).toBe(2);
    await live.call("POST", `/api/jobs/${again}/cancel`);
  });
});

describe("check --live and jobs migrate", () => {
  test("say what a change means for running jobs, and let them go on as another version", async () => {
    const packed = await start();
    const sent = await start("SEND");
    const check = (path: string) => document("check", "--live", "--blueprints", path);

    const safe = await check(served);
    expect(safe.code).toBe(0);
    const newest = { version: "2", takes: "by_its_migration" };
    expect(safe.said).toMatchObject({
      ok: true,
      live: [
        {
          blueprint: "parcel",
          version: "1",
          state: "packed",
          verdict: "stays",
          jobs: [packed],
          newest,
        },
        { state: "sent", verdict: "stays", jobs: [sent], newest },
      ],
    });

    const changed = await check(folder("changed", ["1", second]));
    expect(changed.code).toBe(1);
    expect(changed.said).toMatchObject({
      ok: false,
      live: [
        { state: "packed", verdict: "changed", problems: [] },
        {
          state: "sent",
          verdict: "changed",
          problems: expect.arrayContaining(['State "sent" is gone.']) as string[],
          difference: expect.arrayContaining([
            'State "parcel.sent" is gone.',
            'State "parcel.under_way" is new.',
            'State "parcel.packed" does not take the event LOSE any more.',
          ]) as string[],
        },
      ],
    });

    const missing = folder("missing", ["2", second]);
    const forPeople = await run("check", "--live", "--blueprints", missing);
    expect(forPeople.code).toBe(1);
    expect(forPeople.stdout).toContain("✗ sent  could not go on: its version is not here");
    expect(forPeople.stdout).toContain("version 2 could not take it over:");
    expect(forPeople.stdout).toContain("version 2 could take it over as it is");
    expect(forPeople.stdout).toContain("2 running jobs, 2 of them could not go on");

    const tried = await document("jobs", "migrate", "parcel", "--from", "1", "--dry-run");
    expect(tried).toMatchObject({ code: 0, said: { ok: true, from: "1", to: "2" } });
    const args = ["jobs", "migrate", "parcel", "--from", "1"];
    const done = await run(...args);
    expect(done.stdout).toMatch(new RegExp(`✓ +${sent} +sent → under_way`));
    expect(done.stdout).toContain("2 jobs go on as parcel@2");
    const { body } = await live.call("GET", `/api/jobs/${sent}`);
    expect(body).toMatchObject({
      blueprint_version: "2",
      current_state: "under_way",
      data: { weight: 2, by: "post" },
    });
    expect((await run("jobs", "history", sent)).stdout).toMatch(/migrate from version 1, by .+@/);
    expect((await run("check", "--live", "--blueprints", missing)).code).toBe(0);
    expect((await document(...args)).said).toMatchObject({ ok: true, jobs: [] });
    expect((await run("jobs", "migrate", "nothing", "--from", "1")).code).toBe(3);
  });

  test("tell of changed versions without running jobs, also where only the store knows them", async () => {
    const dataDirectory = join(directory, "kept");
    const all = live.server.blueprints.list();
    const before = await startLiveServer({ dataDirectory, blueprints: all });
    await before.call("POST", "/jobs", { blueprint: "parcel", version: "1", data: {} });
    await before.close();
    const blueprints = all.filter(({ version }) => version === "2");
    const after = await startLiveServer({ dataDirectory, blueprints });
    const check = async (...args: string[]) => {
      const env = { AVTOMATIKA_URL: after.url, CLIENT_TOKEN: clientToken };
      const one = runCli(["check", "--live", "--blueprints", lacking, ...args], env);
      expect(await one.exited).toBe(1);
      return one.output.stdout;
    };
    const patient = 'after: { patience: "lost" }';
    const lacking = folder(
      "lacking",
      ["1", first.replace(patient, "")],
      ["2", second.replace(patient, "")],
    );
    const changed = ["under_way", "sent"].map((state, index) => ({
      blueprint: "parcel",
      version: String(2 - index),
      difference: [`State "parcel.${state}" does not take the delay "patience" any more.`],
    }));
    expect(JSON.parse(await check("--json"))).toMatchObject({
      ok: false,
      live: [{ verdict: "changed", ...changed[1] }],
      changed,
    });
    expect(await check()).toMatch(
      /^parcel@2\n {2}State "parcel.under_way" .+\n✗ a server that knows it .+ does not start with it$/m,
    );
    await after.close();
  });
});

describe("a version that has changed between two starts", () => {
  test("is refused by start with the whole difference, and taken by dev with what becomes of its jobs", async () => {
    const data = join(directory, "restarted");
    const command = (verb: string, path: string) => {
      const flags = ["--port", "0", "--data", data, "--blueprints", path, "--log-format", "text"];
      return runCli([verb, ...flags], { CLIENT_TOKEN: clientToken });
    };
    const listening = async ({ output }: CliProcess): Promise<string> =>
      eventually(() => /listens at (\S+)/.exec(output.stdout)?.[1], { timeoutMs: 60_000 });
    const jobIn = async (url: string, method: string, path: string, body?: unknown) => {
      const headers = {
        authorization: `Bearer ${clientToken}`,
        "content-type": "application/json",
      };
      const text = body === undefined ? {} : { body: JSON.stringify(body) };
      return (await fetch(`${url}${path}`, { method, headers, ...text })).json();
    };
    const before = command("start", served);
    const request = { blueprint: "parcel", version: "1", data: {} };
    const { job_id: jobId } = (await jobIn(await listening(before), "POST", "/jobs", request)) as {
      job_id: string;
    };
    expect(await before.kill("SIGKILL")).toBe("SIGKILL");

    const changed = folder(
      "restarted-changed",
      ["1", second],
      ["2", second, migrate.replace("sent:", "packed:").replace('"under_way"', '"packed"')],
    );
    const refused = command("start", changed);
    expect(await refused.exited).toBe(1);
    expect(refused.output.stderr).toContain("blueprint.shape_changed");
    for (const line of [
      "  parcel@1",
      '    State "parcel.sent" is gone.',
      '    State "parcel.under_way" is new.',
      '    State "parcel.packed" does not take the event LOSE any more.',
      '    In state "parcel.packed" the event SEND leads to parcel.under_way now, and led to parcel.sent.',
    ])
      expect(refused.output.stderr.split("\n")).toContain(line);

    const dev = command("dev", changed);
    const url = await listening(dev);
    expect(dev.output.stderr).toContain("jobs that were started in the old one stand still");
    expect(dev.output.stderr).toMatch(/parcel\.sent\\" is gone\./);
    expect(await jobIn(url, "GET", `/api/jobs/${jobId}`)).toMatchObject({
      waits: [{ kind: "version", reason: "changed" }],
    });
    // As it says: a new version takes them over.
    expect(
      await jobIn(url, "POST", "/api/v1/blueprints/parcel/migrate", { from: "1", to: "2" }),
    ).toMatchObject({ jobs: [{ job_id: jobId, outcome: "migrated" }] });
    expect(await dev.kill("SIGTERM")).toBe(0);
  });
});
