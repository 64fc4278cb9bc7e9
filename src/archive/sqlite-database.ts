// An archive in a file: SQLite, by the package libsql.
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import Database from "libsql";
import {
  refused,
  unavailable,
  type Row,
  type SqlDatabase,
  type Statement,
} from "./sql-database.ts";

/** Codes of errors that come of the values, so that trying again is no use. */
const refusals = /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG)/;

/** Calls are made on this thread: each takes as long as the disk does, so batches should be small. */
export class SqliteDatabase implements SqlDatabase {
  readonly sortedText = "TEXT";
  readonly schemaLock = [];
  readonly #path: string;
  #connection: Database.Database | undefined;

  /** @param path of the file, which is made where it is missing, as its folder is */
  constructor(path: string) {
    this.#path = path;
  }

  async write(statements: readonly Statement[]): Promise<void> {
    this.#use((connection) => {
      connection.exec("BEGIN IMMEDIATE");
      try {
        for (const { text, values } of statements) connection.prepare(text).run(...values);
        connection.exec("COMMIT");
      } catch (error) {
        if (connection.inTransaction) connection.exec("ROLLBACK");
        throw error;
      }
    });
  }

  async read({ text, values }: Statement): Promise<readonly Row[]> {
    return this.#use((connection) => connection.prepare(text).all(...values) as readonly Row[]);
  }

  async close(): Promise<void> {
    this.#connection?.close();
    this.#connection = undefined;
  }

  #use<Answer>(call: (connection: Database.Database) => Answer): Answer {
    try {
      this.#connection ??= this.#open();
      return call(this.#connection);
    } catch (error) {
      const { code } = error as { readonly code?: unknown };
      if (typeof code === "string" && refusals.test(code)) throw refused(error);
      // Whatever has become of the file, the next call looks at it afresh.
      this.#connection?.close();
      this.#connection = undefined;
      throw unavailable(error);
    }
  }

  #open(): Database.Database {
    mkdirSync(dirname(this.#path), { recursive: true });
    const connection = new Database(this.#path);
    connection.exec("PRAGMA journal_mode = WAL");
    connection.exec("PRAGMA synchronous = FULL");
    return connection;
  }
}
