// Which archive an address means.
import { RuntimeError } from "../errors.ts";
import type { Archive } from "./archive.ts";
import { SqlArchive } from "./sql-archive.ts";

/**
 * The archive of an address. It is looked for when it is first used, and again for as long as it is not there.
 *
 * @param uri `sqlite:<path>` or `postgresql://…`
 * @throws RuntimeError `config.invalid` for another address
 */
export async function openArchive(uri: string): Promise<Archive> {
  if (/^sqlite:./.test(uri)) {
    // Each kind is loaded where it is wanted only.
    const { SqliteDatabase } = await import("./sqlite-database.ts");
    return new SqlArchive(new SqliteDatabase(uri.slice("sqlite:".length)));
  }
  if (/^postgres(ql)?:\/\/./.test(uri) && URL.canParse(uri)) {
    const { PostgresDatabase } = await import("./postgres-database.ts");
    return new SqlArchive(new PostgresDatabase(uri));
  }
  throw new RuntimeError(
    "config.invalid",
    "HISTORY_DATABASE_URI must be sqlite:<path> or postgresql://<user>:<password>@<host>:<port>/<name>.",
  );
}
