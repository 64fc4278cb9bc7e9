// Opens the store of a directory and says so: `hold` keeps it, `commit` commits turns and prints each acknowledged one.
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
  say(`open ${store.epoch}`);
  if (verb === "commit")
    await Promise.all(["j1", "j2", "j3"].map((id) => commitForever(store, id)));
  await input.next();
  await store.close();
} catch (error) {
  say(error instanceof RuntimeError ? `refused ${error.code}` : `failed ${String(error)}`);
}

async function commitForever(store: Store, jobId: string): Promise<void> {
  for (let revision = 1; ; revision++) {
    const { outcome } = await store.commit(turn(jobId, revision));
    say(`${outcome} ${jobId} ${revision}`);
  }
}
