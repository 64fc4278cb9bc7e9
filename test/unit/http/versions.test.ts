// Versions of blueprints over HTTP: their shapes, where running jobs stand, and migrations.
import { beforeEach, expect, test } from "vitest";
import { contract } from "../../../src/protocol/contract.ts";
import { first, inPayment } from "../../support/order-versions.ts";
import { jobIdIn, openHttpWorld, type HttpWorld } from "./http-world.ts";

const Standings = contract.listStandings.answers[200].schema;
const Shape = contract.getShape.answers[200].schema;
const Migrated = contract.migrateJobs.answers[200].schema;

let world: HttpWorld;
let jobId: string;
beforeEach(async () => {
  world = await openHttpWorld({}, [first, inPayment]);
  jobId = jobIdIn(await world.call("POST", "/jobs", { blueprint: "order", version: "1" }));
  await world.call("POST", `/api/jobs/${jobId}/events`, { type: "PAY" });
});

test("running jobs tell where they stand, a page at a time", async () => {
  const other = jobIdIn(await world.call("POST", "/api/v2/doors", { name: "a" }));
  const all = Standings.parse((await world.call("GET", "/api/v1/standings")).body);
  expect(all.jobs.map(({ job_id }) => job_id).toSorted()).toEqual([jobId, other].toSorted());
  const path = "/api/v1/standings?blueprint=order&limit=1";
  const page = Standings.parse((await world.call("GET", path)).body);
  expect(page.jobs).toMatchObject([
    {
      job_id: jobId,
      blueprint_version: "1",
      shape: first.fingerprint.shape,
      standing: { value: "charging", children: [{ id: "charge", work: "task charge" }] },
    },
  ]);
});

test("a shape is told state by state", async () => {
  const path = "/api/v1/blueprints/order/shape";
  const { body } = await world.call("GET", `${path}?version=1`);
  const { version, states } = Shape.parse(body);
  expect(version).toBe("1");
  expect(states.find(({ id }) => id === "order.charging")).toMatchObject({
    kind: "atomic",
    invokes: [{ id: "charge", actor: "charge (task charge)" }],
  });
  expect(Shape.parse((await world.call("GET", path)).body).version).toBe("2");
  expect((await world.call("GET", `${path}?version=9`)).status).toBe(404);
});

test("jobs are migrated, after a dry run, and their histories tell by whom", async () => {
  const path = "/api/v1/blueprints/order/migrate";
  const dry = await world.call("POST", path, { from: "1", dry_run: true });
  expect(Migrated.parse(dry.body)).toEqual({
    to: "2",
    jobs: [
      {
        job_id: jobId,
        outcome: "would_migrate",
        current_state: "charging",
        new_state: "payment.charging",
        stops: [],
        starts: [],
      },
    ],
  });
  const headers = { "x-avtomatika-client": "ann" };
  const done = await world.call("POST", path, { from: "1", to: "2", limit: 10 }, headers);
  expect(done.body).toMatchObject({ jobs: [{ job_id: jobId, outcome: "migrated" }] });
  const { body } = await world.call("GET", `/api/v1/jobs/${jobId}/history?after=2`);
  expect(body).toMatchObject([{ message: { type: "migrate", by: "ann" } }]);
});

test.each([
  ["order", {}, 400, "request.invalid"],
  ["order", { from: "2" }, 400, "request.invalid"],
  ["order", { from: "1", dryRun: true }, 400, "request.invalid"],
  ["order", { from: "1", to: "9" }, 404, "blueprint.not_found"],
  ["nothing", { from: "1" }, 404, "blueprint.not_found"],
])("a migration of %s with %j is refused with %i %s", async (name, body, status, code) => {
  expect(await world.call("POST", `/api/v1/blueprints/${name}/migrate`, body)).toMatchObject({
    status,
    body: { code },
  });
});
