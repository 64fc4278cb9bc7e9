// The client process of a benchmark: callers in a closed loop, each start answered with the finished job.
import { parseArgs } from "node:util";
import { closedLoop } from "./closed-loop.ts";
import { httpCaller } from "./http-caller.ts";

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    token: { type: "string" },
    jobs: { type: "string" },
    callers: { type: "string" },
    path: { type: "string" },
    body: { type: "string" },
    expect: { type: "string" },
  },
});
const callers = Number(values.callers);
const expected = values.expect!;
const caller = httpCaller(new URL(values.path!, values.url), callers, values.body!, {
  authorization: `Bearer ${values.token}`,
  prefer: "wait=30",
});

const figures = await closedLoop(callers, { calls: Number(values.jobs) }, async () => {
  const { status, text } = await caller.post();
  const { data } = JSON.parse(text) as { data?: unknown };
  if (status !== 200 || !JSON.stringify(data).includes(expected))
    throw new Error(`A job went wrong: ${status} ${text}`);
});
caller.close();
const { user, system } = process.cpuUsage();
process.stdout.write(
  JSON.stringify({ ...figures, clientCpuMs: (user + system) / 1000 / figures.calls }),
);
