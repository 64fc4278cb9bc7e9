// The client process of the echo benchmark: callers in a closed loop, each start answered with the finished job.
import { Agent, request } from "node:http";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    token: { type: "string" },
    jobs: { type: "string" },
    callers: { type: "string" },
    path: { type: "string" },
  },
});
const url = new URL(values.path!, values.url);
const jobs = Number(values.jobs);
const callers = Number(values.callers);
const agent = new Agent({ keepAlive: true, maxSockets: callers, noDelay: true });
const body = JSON.stringify({ message: "Hello World", multiply: 3 });
const expected = "Hello World Hello World Hello World";
const headers = {
  authorization: `Bearer ${values.token}`,
  "content-type": "application/json",
  "content-length": Buffer.byteLength(body),
  prefer: "wait=30",
};

function runJob(): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent, method: "POST", headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => {
        const job = JSON.parse(text) as { state_history?: { processed_message?: string } };
        if (response.statusCode === 200 && job.state_history?.processed_message === expected)
          resolve();
        else reject(new Error(`A job went wrong: ${response.statusCode} ${text}`));
      });
    });
    call.on("error", reject);
    call.end(body);
  });
}

const latencies: number[] = [];
let left = jobs;
const begin = performance.now();
await Promise.all(
  Array.from({ length: callers }, async () => {
    while (left-- > 0) {
      const sent = performance.now();
      await runJob();
      latencies.push(performance.now() - sent);
    }
  }),
);
const seconds = (performance.now() - begin) / 1000;
latencies.sort((a, b) => a - b);
const at = (share: number): number => latencies[Math.floor((latencies.length - 1) * share)]!;
const { user, system } = process.cpuUsage();
process.stdout.write(
  `${JSON.stringify({
    jobs: latencies.length,
    jobsPerSecond: Math.round(latencies.length / seconds),
    p50Ms: Number(at(0.5).toFixed(2)),
    p99Ms: Number(at(0.99).toFixed(2)),
    clientCpuSeconds: (user + system) / 1e6,
  })}\n`,
);
agent.destroy();
