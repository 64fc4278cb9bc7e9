// Opens the store of a directory and says so, then does what its verb says: hold it, commit turns, or fill the disk.
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { systemClock } from "../../src/clock.ts";
import { RuntimeError } from "../../src/errors.ts";
import { openEmbeddedStore } from "../../src/store/embedded/embedded-store.ts";
import type { Store } from "../../src/store/store.ts";
import { turn } from "../store/sample.ts";

const [, , verb, directory = ""] = process.argv;
/** Written at once: a line that is out stays out when the process is killed. */
const say = (line: string) => writeSync(1, `${line}\n`);

const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
say("ready");
await input.next();
try {
  const store = await openEmbeddedStore({ directory, clock: systemClock });
  say(`open ${store.epoch()}`);
  if (verb === "commit")
    await Promise.all(["j1", "j2", "j3"].map((id) => commitForever(store, id)));
  if (verb === "fill") await fill(store);
  await input.next();
  await store.close();
} catch (error) {
  say(error instanceof RuntimeError ? `refused ${error.code}` : `failed ${String(error)}`);
}

/** Commit large jobs until some are refused, and say how many were not. */
async function fill(store: Store): Promise<void> {
  const envelope = "x".repeat(30_000);
  for (let acknowledged = 0; ;) {
    const turns = Array.from({ length: 5 }, (_, n) =>
      turn(`j${acknowledged + n}`, 1, { envelope }),
    );
    const results = await Promise.allSettled(turns.map((commit) => store.commit(commit)));
    const refused = results.find((result) => result.status === "rejected");
    if (!refused) acknowledged += results.length;
    else {
      const { running } = await store.countJobs();
      return void say(`full ${(refused.reason as RuntimeError).code} ${acknowledged} ${running}`);
    }
  }
}

/** Commit turns of one job, and print each that is acknowledged. */
async function commitForever(store: Store, jobId: string): Promise<void> {
  for (let revision = 1; ; revision++) {
    const { outcome } = await store.commit(turn(jobId, revision));
    say(`${outcome} ${jobId} ${revision}`);
  }
}
