// The archive in an SQL database: its two tables, and jobs as their rows.
import { RuntimeError } from "../errors.ts";
import { readCursor, writeCursor } from "../store/job-cursor.ts";
import type { HistoryEntry, JobStatus } from "../store/records.ts";
import type { JobQuery } from "../store/store.ts";
import type { Archive, ArchivedJob, ArchivedSummary, ArchivePage, EndedJob } from "./archive.ts";
import { sql, type Row, type SqlDatabase, type Statement } from "./sql-database.ts";

/** The format of the tables that this version writes. It uses no other. */
const archiveFormat = 1;
/** Rows of one INSERT: databases bound how many values a statement may have. */
const insertRowsMax = 500;

/** Names of columns are the original's where it has the same thing. Times are milliseconds since 1970. */
const jobColumns = {
  job_id: "PRIMARY KEY",
  blueprint_name: "TEXT NOT NULL",
  blueprint_version: "TEXT NOT NULL",
  style: "TEXT",
  status: "TEXT NOT NULL",
  current_state: "TEXT NOT NULL",
  revision: "BIGINT NOT NULL",
  created_at: "BIGINT NOT NULL",
  updated_at: "BIGINT NOT NULL",
  archived_at: "BIGINT NOT NULL",
  envelope: "TEXT NOT NULL",
} as const;
const historyColumns = {
  job_id: "NOT NULL",
  revision: "BIGINT NOT NULL",
  timestamp: "BIGINT NOT NULL",
  event_type: "TEXT NOT NULL",
  previous_state: "TEXT",
  state: "TEXT NOT NULL",
  duration_ms: "BIGINT",
  status: "TEXT NOT NULL",
  epoch: "TEXT NOT NULL",
  message: "TEXT NOT NULL",
} as const;

export class SqlArchive implements Archive {
  readonly #database: SqlDatabase;
  #ready: Promise<void> | undefined;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  async put(jobs: readonly EndedJob[], at: number): Promise<void> {
    if (jobs.length === 0) return;
    // In one order by all nodes, so that none waits for another in a circle.
    const ordered = jobs.toSorted((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
    const ids = ordered.map(idOf);
    const places = ids.map(() => "?").join(", ");
    await this.#prepared();
    await this.#database.write([
      ...inserts("job_archive", jobColumns, ordered.map(jobRow(at)), upsert),
      { text: `DELETE FROM job_archive_history WHERE job_id IN (${places})`, values: ids },
      ...inserts("job_archive_history", historyColumns, ordered.flatMap(historyRows), ""),
    ]);
  }

  async load(jobId: string): Promise<ArchivedJob | undefined> {
    const text = "SELECT * FROM job_archive WHERE job_id = ?";
    const [row] = await this.#read({ text, values: [jobId] });
    if (!row) return undefined;
    const { archivedAt, ...summary } = summaryOf(row);
    return {
      summary,
      revision: Number(row["revision"]),
      envelope: String(row["envelope"]),
      ...((row["style"] === "native" || row["style"] === "flow") && { style: row["style"] }),
      archivedAt,
    };
  }

  async history(jobId: string, after: number, limit: number): Promise<readonly HistoryEntry[]> {
    const rows = await this.#read({
      text: "SELECT * FROM job_archive_history WHERE job_id = ? AND revision > ? ORDER BY revision LIMIT ?",
      values: [jobId, after, limit],
    });
    return rows.map((row) => ({
      revision: Number(row["revision"]),
      now: Number(row["timestamp"]),
      epoch: String(row["epoch"]),
      message: JSON.parse(String(row["message"])) as HistoryEntry["message"],
      currentState: String(row["state"]),
      status: row["status"] as JobStatus,
    }));
  }

  async list({ blueprint, status, limit, cursor }: JobQuery): Promise<ArchivePage> {
    const after = cursor === undefined ? undefined : readCursor(cursor);
    const conditions = [
      ...(blueprint === undefined ? [] : [{ text: "blueprint_name = ?", values: [blueprint] }]),
      ...(status === undefined ? [] : [{ text: "status = ?", values: [status] }]),
      ...(after === undefined
        ? []
        : [
            {
              text: "(created_at < ? OR (created_at = ? AND job_id < ?))",
              values: [after.createdAt, after.createdAt, after.jobId],
            },
          ]),
    ];
    const where = conditions.map(({ text }) => text).join(" AND ") || "1 = 1";
    const rows = await this.#read({
      text: `SELECT ${summaryColumns.join(", ")} FROM job_archive WHERE ${where} ORDER BY created_at DESC, job_id DESC LIMIT ?`,
      values: [...conditions.flatMap(({ values }) => values), limit + 1],
    });
    const jobs = rows.slice(0, limit).map(summaryOf);
    const last = jobs.at(-1);
    return rows.length > limit && last ? { jobs, next: writeCursor(last) } : { jobs };
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  async #read(statement: Statement): Promise<readonly Row[]> {
    await this.#prepared();
    return this.#database.read(statement);
  }

  /** Make the tables where they are missing, once: a database that is down now may be there later. */
  #prepared(): Promise<void> {
    this.#ready ??= this.#prepare().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #prepare(): Promise<void> {
    const { sortedText, schemaLock } = this.#database;
    const table = (name: string, columns: Readonly<Record<string, string>>, more = "") => {
      const defined = Object.entries(columns).map(([column, type]) =>
        column === "job_id" ? `${column} ${sortedText} ${type}` : `${column} ${type}`,
      );
      return sql(`CREATE TABLE IF NOT EXISTS ${name} (${defined.join(", ")}${more})`);
    };
    await this.#database.write([
      ...schemaLock,
      sql("CREATE TABLE IF NOT EXISTS job_archive_format (format BIGINT NOT NULL)"),
      sql(
        `INSERT INTO job_archive_format (format) SELECT ${archiveFormat} WHERE NOT EXISTS (SELECT 1 FROM job_archive_format)`,
      ),
    ]);
    const [row] = await this.#database.read(sql("SELECT format FROM job_archive_format"));
    const format = Number(row?.["format"]);
    if (format > archiveFormat)
      throw new RuntimeError(
        "archive.format_newer",
        `The archive was written by a newer version (format ${format}; this one uses ${archiveFormat}). Jobs stay in the live store.`,
        { format, supported: archiveFormat },
      );
    await this.#database.write([
      ...schemaLock,
      table("job_archive", jobColumns),
      sql(
        "CREATE INDEX IF NOT EXISTS job_archive_newest ON job_archive (created_at DESC, job_id DESC)",
      ),
      sql(
        "CREATE INDEX IF NOT EXISTS job_archive_blueprint ON job_archive (blueprint_name, status, created_at DESC, job_id DESC)",
      ),
      table("job_archive_history", historyColumns, ", PRIMARY KEY (job_id, revision)"),
    ]);
  }
}

const summaryColumns = Object.keys(jobColumns).filter((column) => column !== "envelope");
const upsert = `ON CONFLICT (job_id) DO UPDATE SET ${Object.keys(jobColumns)
  .filter((column) => column !== "job_id")
  .map((column) => `${column} = excluded.${column}`)
  .join(", ")}`;

type ColumnValue = string | number | null;
type RowOf<Columns> = { readonly [column in keyof Columns]: ColumnValue };

function idOf({ job }: EndedJob): string {
  return job.summary.jobId;
}

function jobRow(at: number): (ended: EndedJob) => RowOf<typeof jobColumns> {
  return ({ job: { summary, revision, envelope }, style }) => ({
    job_id: summary.jobId,
    blueprint_name: summary.blueprint,
    blueprint_version: summary.version,
    style: style ?? null,
    status: summary.status,
    current_state: summary.currentState,
    revision,
    created_at: summary.createdAt,
    updated_at: summary.updatedAt,
    archived_at: at,
    envelope,
  });
}

/** The steps of a job, each with the state that it left and how long the job had been there. */
function historyRows({ job, history }: EndedJob): readonly RowOf<typeof historyColumns>[] {
  return history.map(({ revision, now, epoch, message, currentState, status }, index) => {
    const before = history[index - 1];
    return {
      job_id: job.summary.jobId,
      revision,
      timestamp: now,
      event_type: message.type,
      previous_state: before?.currentState ?? null,
      state: currentState,
      duration_ms: before ? now - before.now : null,
      status,
      epoch,
      message: JSON.stringify(message),
    };
  });
}

function summaryOf(row: Row): ArchivedSummary {
  return {
    jobId: String(row["job_id"]),
    blueprint: String(row["blueprint_name"]),
    version: String(row["blueprint_version"]),
    status: row["status"] as JobStatus,
    currentState: String(row["current_state"]),
    createdAt: Number(row["created_at"]),
    updatedAt: Number(row["updated_at"]),
    archivedAt: Number(row["archived_at"]),
  };
}

function inserts<Columns>(
  table: string,
  columns: Columns & object,
  rows: readonly RowOf<Columns>[],
  onConflict: string,
): readonly Statement[] {
  const names = Object.keys(columns) as (keyof Columns & string)[];
  const one = `(${names.map(() => "?").join(", ")})`;
  const statements: Statement[] = [];
  for (let from = 0; from < rows.length; from += insertRowsMax) {
    const some = rows.slice(from, from + insertRowsMax);
    statements.push({
      text: `INSERT INTO ${table} (${names.join(", ")}) VALUES ${some.map(() => one).join(", ")} ${onConflict}`,
      values: some.flatMap((row) => names.map((name): ColumnValue => row[name])),
    });
  }
  return statements;
}
