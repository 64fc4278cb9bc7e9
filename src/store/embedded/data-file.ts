// A look at LMDB's file before LMDB maps it: reading a page that is not there would kill the process.
import { execFile } from "node:child_process";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const magic = 0xbeefc0de;
const dataVersion = 2;
/** Bytes of a meta page that count: 24 of page header, 144 of meta data. */
const metaBytes = 168;

interface Meta {
  readonly pageBytes: number;
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

/**
 * What is wrong with the data file of a directory, in words: it is not LMDB's, or a part of it is missing. Undefined
 * where nothing is, also where there is no file, or an empty one: LMDB makes it.
 */
export async function dataFileProblem(directory: string): Promise<string | undefined> {
  const file = openIfThere(join(directory, "data.mdb"));
  if (file === undefined) return undefined;
  try {
    const { size } = fstatSync(file);
    if (size === 0) return undefined;
    const first = readMeta(file, 0);
    const second = first && readMeta(file, first.pageBytes);
    if (!first || !second) return "data.mdb is damaged or not a database";
    const { lastPage, pageBytes } = first.transaction > second.transaction ? first : second;
    if (BigInt(size) >= (lastPage + 1n) * BigInt(pageBytes)) return undefined;
  } finally {
    closeSync(file);
  }
  // Free pages at the end need not have been written, so a short file may be whole. Reading it tells.
  return (await isReadable(directory)) ? undefined : "a part of data.mdb is missing";
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** One of the two meta pages, or undefined where there is none. */
function readMeta(file: number, offset: number): Meta | undefined {
  const page = Buffer.alloc(metaBytes);
  if (readSync(file, page, 0, metaBytes, offset) < metaBytes) return undefined;
  if (page.readUInt32LE(24) !== magic) return undefined;
  if ((page.readUInt32LE(28) & 0xffff) !== dataVersion) return undefined;
  const pageBytes = page.readUInt32LE(48);
  if (pageBytes < 256 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0)
    return undefined;
  return { pageBytes, lastPage: page.readBigUInt64LE(144), transaction: page.readBigUInt64LE(152) };
}

/** Read everything in a process of its own, which may die of it. */
function isReadable(directory: string): Promise<boolean> {
  const lmdb = createRequire(import.meta.url).resolve("lmdb");
  const script = `
    const { open } = require(${JSON.stringify(lmdb)});
    const database = open({ path: ${JSON.stringify(directory)}, noSubdir: false, readOnly: true, encoding: "string" });
    for (const { value } of database.getRange()) value.length;
  `;
  return new Promise((resolve) => {
    execFile(process.execPath, ["-e", script], (error) => resolve(error === null));
  });
}
