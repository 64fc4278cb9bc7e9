// The floor of durability: one row in one flushed LMDB transaction, by one caller and by a hundred that share flushes.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { open } from "lmdb";
import { closedLoop } from "./closed-loop.ts";
import { rowOfFloor } from "./floor-texts.ts";

const { values } = parseArgs({ options: { ms: { type: "string" } } });
const path = mkdtempSync(join(tmpdir(), "avtomatika-floor-"));
const database = open({ path, noSubdir: false, encoding: "string", overlappingSync: false });
let rows = 0;
const put = (): Promise<unknown> => database.put(["row", rows++], rowOfFloor);
await closedLoop(100, { calls: 2000 }, put);
const commit1 = await closedLoop(1, { ms: Number(values.ms) }, put);
const commit100 = await closedLoop(100, { ms: Number(values.ms) }, put);
await database.close();
rmSync(path, { recursive: true });
process.stdout.write(JSON.stringify({ commit1, commit100 }));
