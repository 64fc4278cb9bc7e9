// Opening the database of a directory, after making sure that it is one, of a format that this version reads.
import { open } from "lmdb";
import { RuntimeError } from "../../errors.ts";
import { corrupt, corruptCodes } from "./corrupt.ts";
import { dataFileProblem } from "./data-file.ts";
import { keys, type Database, type Key } from "./tables.ts";

/** The format of the rows that this version writes. It reads no other. */
export const storeFormat = 1;

/**
 * Open the database of a directory, or make a new one.
 *
 * @param directory a directory that is there and writable
 * @throws RuntimeError `store.corrupt`, `store.format_newer`, `store.unusable`
 */
export async function openDatabase(directory: string): Promise<Database> {
  const problem = await dataFileProblem(directory);
  if (problem) throw corrupt(directory, problem);
  let database: Database;
  try {
    database = open<string, Key>({
      path: directory,
      noSubdir: false,
      encoding: "string",
      // A commit is seen by readers only once it is on the disk: nothing leaves the process before.
      overlappingSync: false,
      // Batches are made by GroupCommit. LMDB's own leave a rejection unhandled when the disk is full.
      eventTurnBatching: false,
    });
  } catch (cause) {
    throw failure(directory, cause);
  }
  try {
    checkFormat(directory, database);
    return database;
  } catch (cause) {
    await database.close();
    throw cause instanceof RuntimeError ? cause : failure(directory, cause);
  }
}

function checkFormat(directory: string, database: Database): void {
  const format = database.get(keys.format);
  if (format === undefined) {
    if (database.getKeysCount({ limit: 1 }) > 0)
      throw corrupt(directory, "it holds a database of something else");
    database.putSync(keys.format, String(storeFormat));
    return;
  }
  const number = Number(format);
  if (!(number >= 1)) throw corrupt(directory, `its format is "${format}"`);
  if (number > storeFormat)
    throw new RuntimeError(
      "store.format_newer",
      `The data directory ${directory} was written by a newer version (format ${number}; this one reads ${storeFormat}). Run that version or a later one, or choose another directory.`,
      { directory, format: number, supported: storeFormat },
    );
}

function failure(directory: string, cause: unknown): RuntimeError {
  const { message, code } = cause as Error & { code?: unknown };
  if (typeof code === "number" && corruptCodes.has(code)) return corrupt(directory, message, cause);
  return new RuntimeError(
    "store.unusable",
    `The data directory ${directory} cannot be opened (${message}). It must be writable and on a local disk.`,
    { directory },
    { cause },
  );
}
