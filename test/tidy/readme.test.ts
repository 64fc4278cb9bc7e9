// README.md keeps its word: the two commands come first, its machine runs, and its requests get the answers it shows.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startLiveServer, type LiveServer } from "../support/live-server.ts";
import { openWorld } from "../support/runtime-world.ts";
import { ScriptedWorker } from "../support/scripted-worker.ts";
import { thumbnail } from "./readme-blueprint.ts";
import { read } from "./repository.ts";

const readme = read("README.md");

test("begins with the two commands that are all there is to do", () => {
  const blocks = [...readme.matchAll(/^```\w*\n([\s\S]*?)^```$/gm)];
  expect(blocks.slice(0, 2).map(([, code]) => code)).toEqual([
    "npm ci && npm run demo\n",
    "npm ci && npm test\n",
  ]);
});

test("shows a machine that waits three days for a person, and no longer", async () => {
  const { runtime, clock } = await openWorld([thumbnail]);
  const worker = new ScriptedWorker(runtime.workers, "w1", ["resize"]);
  await worker.connect();
  const { jobId } = await runtime.jobs.start({
    blueprint: "thumbnail",
    input: { source: "a.png" },
  });
  await worker.succeed(worker.accept(), { path: "a.webp" });
  expect(await runtime.jobs.get(jobId)).toMatchObject({
    currentState: "review",
    status: "waiting_for_human",
    data: { path: "a.webp" },
  });
  await clock.advance(3 * 24 * 60 * 60 * 1000);
  expect(await runtime.jobs.get(jobId)).toMatchObject({
    currentState: "rejected",
    status: "finished",
  });
  await runtime.stop();
});

/** A request as `curl` is told to make it: one command over several lines. */
interface Request {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}
const requests: readonly Request[] = [...readme.matchAll(/^curl ((?:.*\\\n)*.*)$/gm)].map(
  ([, command = ""]) => ({
    path: /http:\/\/127\.0\.0\.1:8080([^\s'"]*)/.exec(command)?.[1] ?? "",
    headers: Object.fromEntries(
      [...command.matchAll(/-H ["']([^:]+): ([^"']+)["']/g)].map(([, name = "", value = ""]) => [
        name.toLowerCase(),
        value,
      ]),
    ),
    body: /-d '([^']*)'/.exec(command)?.[1],
  }),
);

describe("the requests", () => {
  let live: LiveServer;
  beforeAll(async () => {
    live = await startLiveServer({ clientToken: "client" });
  });
  afterAll(() => live.close());

  test("are there", () => expect(requests.length).toBeGreaterThanOrEqual(3));

  test.each(requests)(
    "$path $body is answered as the README says",
    async ({ path, headers, body }) => {
      const answer = await fetch(`${live.url}${path}`, {
        headers,
        ...(body !== undefined && { method: "POST", body }),
      });
      expect(answer.status).toBe(200);
      expect(await answer.json()).toMatchObject(shownFor(path));
    },
  );
});

/** The members that the JSON block after a request shows. */
function shownFor(path: string): object {
  const after = readme.slice(readme.indexOf(`127.0.0.1:8080${path}`));
  const block = /^```json\n([\s\S]*?)^```$/m.exec(after)?.[1] ?? "{}";
  return JSON.parse(block) as object;
}
