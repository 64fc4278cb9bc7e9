// An archive in Postgres, by the package pg.
import { Pool } from "pg";
import {
  refused,
  sql,
  unavailable,
  type Row,
  type SqlDatabase,
  type Statement,
} from "./sql-database.ts";

/** How long a connection or a statement may take before the database counts as down, in milliseconds. */
const connectMsMax = 5_000;
const statementMsMax = 30_000;
const connectionsMax = 4;
/** Any number that is ours: whoever changes the schema holds it. */
const schemaLockKey = 5_481_327;

/** SQLSTATE classes of errors that come of the values, so that trying again is no use. */
const refusals = /^(22|23)[0-9A-Z]{3}$/;

export class PostgresDatabase implements SqlDatabase {
  readonly sortedText = 'TEXT COLLATE "C"';
  readonly schemaLock = [sql(`SELECT pg_advisory_xact_lock(${schemaLockKey})`)];
  readonly #pool: Pool;

  /** @param uri such as `postgresql://user:password@host:5432/name` */
  constructor(uri: string) {
    this.#pool = new Pool({
      connectionString: uri,
      application_name: "avtomatika",
      max: connectionsMax,
      connectionTimeoutMillis: connectMsMax,
      statement_timeout: statementMsMax,
      query_timeout: statementMsMax + 1_000,
      keepAlive: true,
    });
    // An idle connection that breaks is replaced when it is needed; without a listener it would end the process.
    this.#pool.on("error", () => undefined);
  }

  async write(statements: readonly Statement[]): Promise<void> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw unavailable(error);
    });
    // One that breaks while it is in use says so by the failing statement as well.
    const ignore = () => undefined;
    client.on("error", ignore);
    try {
      await client.query("BEGIN");
      for (const { text, values } of statements) await client.query(numbered(text), [...values]);
      await client.query("COMMIT");
      client.off("error", ignore);
      client.release();
    } catch (error) {
      // Closing the connection undoes the transaction, also where it does not answer any more.
      client.release(true);
      throw failure(error);
    }
  }

  async read({ text, values }: Statement): Promise<readonly Row[]> {
    try {
      const { rows } = await this.#pool.query<Row>(numbered(text), [...values]);
      return rows;
    } catch (error) {
      throw failure(error);
    }
  }

  close(): Promise<void> {
    return this.#pool.end();
  }
}

/** `?` as Postgres writes it: `$1`, `$2` … */
function numbered(text: string): string {
  let count = 0;
  return text.replaceAll("?", () => `$${++count}`);
}

function failure(error: unknown): Error {
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" && refusals.test(code) ? refused(error) : unavailable(error);
}
