// Who asked for a change: the name of a token is certain, and nobody without that token can write the like.
import { beforeEach, expect, test } from "vitest";
import { askedBy } from "../../../src/http/asked-by.ts";
import { first, inPayment } from "../../support/order-versions.ts";
import { clientToken, jobIdIn, openHttpWorld, opsToken, type HttpWorld } from "./http-world.ts";

test.each([
  [undefined, undefined, "a client"],
  [undefined, "ann@desk", "ann@desk"],
  ["ops", undefined, "token ops"],
  ["ops", "ann@desk", "token ops: ann@desk"],
  [undefined, "token ops", "a client: token ops"],
  [undefined, " Token ops: ann", "a client:  Token ops: ann"],
  [undefined, "tokenless", "tokenless"],
])("%j, who says %j, is kept as %j", (client, said, kept) =>
  expect(askedBy(client, said)).toBe(kept),
);

let world: HttpWorld;
let jobId: string;
beforeEach(async () => {
  world = await openHttpWorld({}, [first, inPayment]);
  jobId = jobIdIn(await world.call("POST", "/jobs", { blueprint: "order", version: "1" }));
});

const kept = async (id: string) => {
  const { body } = await world.call("GET", `/api/v1/jobs/${id}/history`);
  return (body as { message: { type: string; by?: string } }[]).flatMap(({ message }) =>
    message.by === undefined ? [] : [[message.type, message.by]],
  );
};

test.each([
  [{ "x-avtomatika-token": opsToken }, "token ops"],
  [{ "x-avtomatika-token": opsToken, "x-avtomatika-client": "ann" }, "token ops: ann"],
  [{ "x-avtomatika-token": clientToken, "x-avtomatika-client": "ann" }, "ann"],
  [
    { "x-avtomatika-token": clientToken, "x-avtomatika-client": "token ops" },
    "a client: token ops",
  ],
  [{ "x-avtomatika-token": clientToken }, "a client"],
])("restarts and migrations with %j are by %j", async (headers, by) => {
  const restarted = await world.call(
    "POST",
    `/api/v1/jobs/${jobId}/restart`,
    { revision: 1 },
    headers,
  );
  expect(await kept(jobIdIn(restarted))).toEqual([["restart", by]]);
  await world.call("POST", "/api/v1/blueprints/order/migrate", { from: "1" }, headers);
  expect(await kept(jobId)).toContainEqual(["migrate", by]);
});
