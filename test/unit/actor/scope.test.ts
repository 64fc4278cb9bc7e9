// What user code finds around it during a step.
import { assign } from "xstate";
import { expect, test } from "vitest";
import { ActorJob, machineOf } from "../../support/actor-job.ts";

interface Args {
  readonly self: { readonly id: string; send(event: object): void };
  readonly spawn: (src: string) => { send(event: object): void };
}

test("self carries the job's id", () => {
  const job = new ActorJob(machineOf({ context: ({ self }: Args) => ({ id: self.id }) }));
  expect(job.context).toEqual({ id: "0_job" });
});

test.each([
  ["itself", ({ self }: Args): void => self.send({ type: "E" })],
  ["a child", ({ spawn }: Args): void => spawn("task").send({ type: "E" })],
])("a direct send to %s is refused, since it would be lost", (_, act) => {
  const actions = assign((args) => {
    act(args as unknown as Args);
    return {};
  });
  const job = new ActorJob(machineOf({ context: {}, on: { GO: { actions } } }));
  job.send("GO");
  expect(job.envelope.error?.message).toContain("with sendTo(), not with send()");
});
