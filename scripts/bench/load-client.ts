// The client process of a benchmark: callers in a closed loop, each start answered with the finished job.
import { parseArgs } from "node:util";
import { connectClient } from "avtomatika/client";
import { closedLoop } from "./closed-loop.ts";
import { httpCaller } from "./http-caller.ts";

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    token: { type: "string" },
    over: { type: "string" },
    jobs: { type: "string" },
    callers: { type: "string" },
    blueprint: { type: "string" },
    path: { type: "string" },
    data: { type: "string" },
    expect: { type: "string" },
  },
});
const callers = Number(values.callers);
const expected = values.expect!;
const { run, close } = values.over === "socket" ? overSocket() : overHttp();

const figures = await closedLoop(callers, { calls: Number(values.jobs) }, async () => {
  const answer = JSON.stringify(await run());
  if (!answer.includes(expected)) throw new Error(`A job went wrong: ${answer}`);
});
close();
const { user, system } = process.cpuUsage();
process.stdout.write(
  JSON.stringify({ ...figures, clientCpuMs: (user + system) / 1000 / figures.calls }),
);

/** An HTTP request for each job, with no more around it than `node:http` has. */
function overHttp() {
  const caller = httpCaller(new URL(values.path!, values.url), callers, values.data!, {
    authorization: `Bearer ${values.token}`,
    prefer: "wait=30",
  });
  const run = async (): Promise<unknown> => {
    const { status, text } = await caller.post();
    if (status !== 200) throw new Error(`A job went wrong: ${status} ${text}`);
    return (JSON.parse(text) as { readonly data?: unknown }).data;
  };
  return { run, close: () => caller.close() };
}

/** The package's own client over its socket. */
function overSocket() {
  const client = connectClient({ url: values.url!, token: values.token! });
  const data: unknown = JSON.parse(values.data!);
  const run = async (): Promise<unknown> => (await client.run(values.blueprint!, data)).data;
  return { run, close: () => client.close() };
}
