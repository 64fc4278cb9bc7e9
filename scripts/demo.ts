// `npm run demo [-- --once] [-- --data DIR]`: a server, a worker and real jobs over HTTP, in one terminal.
import { parseArgs } from "node:util";
import { createClient } from "../src/client/client.ts";
import { aborted, stopSignal } from "../src/cli/stop-signal.ts";
import { demoJobs } from "./demo/jobs.ts";
import { startProcesses, type Processes } from "./demo/processes.ts";
import { runJobs } from "./demo/run-jobs.ts";

const options = {
  once: { type: "boolean", default: false },
  data: { type: "string", default: "./data" },
} as const;

const values = readFlags();
const stopping = stopSignal();
// Whoever reads along may have seen enough; the demo still ends as it should.
process.stdout.on("error", () => {});
let processes: Processes | undefined;
try {
  processes = await startProcesses(values.data, stopping);
  const succeeded = await demo(processes);
  if (!values.once && !stopping.aborted) {
    say(`\nThe console: ${processes.url}/console/#token=${processes.clientToken}`);
    say("Ctrl-C ends the demo.");
    await aborted(stopping);
  }
  process.exitCode = succeeded ? 0 : 1;
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
} finally {
  await processes?.stop();
}

/** Ends the process with 2 where the flags are not understood. */
function readFlags() {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    // Node goes on about arguments without a name, which the demo does not take.
    const [problem] = (error as Error).message.split(/\.\s|\n/);
    const known = Object.keys(options).map((name) => `--${name}`);
    process.stderr.write(`${problem}. The demo knows ${known.join(" and ")}.\n`);
    process.exit(2);
  }
}

/** @returns whether every job ended as it should. */
async function demo({ url, clientToken, workerToken }: Processes): Promise<boolean> {
  say(`Server       ${url}`);
  say(`Client token ${clientToken}`);
  say(`Worker token ${workerToken}\n`);
  const client = createClient({ url, token: clientToken });
  const jobs = await demoJobs(values.data);
  const outcomes = await runJobs(client, jobs, stopping);
  for (const { job } of outcomes) if (job) say(`\n${JSON.stringify(job, undefined, 2)}`);
  const problems = outcomes.flatMap(({ title, problem }) =>
    problem === undefined ? [] : [`${title}: ${problem}`],
  );
  if (problems.length === 0) say(`\nAll ${outcomes.length} jobs ended as they should.`);
  for (const problem of problems) process.stderr.write(`\nNot as it should be: ${problem}\n`);
  return problems.length === 0;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
