// The workers that are connected: what each can do, and how much of it is under way.
import { useCallback, useEffect, useState } from "react";
import type { Client } from "../client/client.ts";
import type { Worker } from "../protocol/job.ts";
import { Badge, type Tone } from "./status.tsx";
import { Ago, useNow } from "./time.tsx";
import { useRefresh } from "./use-refresh.ts";

export function WorkersPage({ client }: { readonly client: Client }) {
  const [workers, setWorkers] = useState<readonly Worker[]>();
  const read = useCallback(
    async (signal: AbortSignal) => setWorkers(await client.workers({ signal })),
    [client],
  );
  const { problem, refresh } = useRefresh(read);
  useEffect(() => {
    document.title = "Workers · Avtomatika";
  }, []);

  return (
    <main className="list-page">
      <header className="list-head">
        <h1>Workers</h1>
        <button className="button" type="button" onClick={refresh}>
          Refresh
        </button>
      </header>
      {problem !== undefined && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <WorkerTable workers={workers} />
    </main>
  );
}

/** The server calls a worker idle while it can take one more task, and busy once it is full. */
const statuses: Readonly<
  Record<Worker["status"], { readonly words: string; readonly tone: Tone }>
> = {
  idle: { words: "takes tasks", tone: "good" },
  busy: { words: "full", tone: "moving" },
  draining: { words: "draining", tone: "waiting" },
};

function WorkerTable({ workers }: { readonly workers: readonly Worker[] | undefined }) {
  const now = useNow(1000);
  if (!workers) return <p className="faint">Reading the list …</p>;
  if (workers.length === 0) return <p className="empty">No worker is connected.</p>;
  return (
    <div className="table-frame">
      <table>
        <thead>
          <tr>
            <th scope="col">Worker</th>
            <th scope="col">Task types</th>
            <th scope="col">Running</th>
            <th scope="col">Status</th>
            <th scope="col">Connected</th>
          </tr>
        </thead>
        <tbody>
          {/* Processes may share a worker's id, and connect in the same millisecond. */}
          {workers.map((worker, index) => (
            <tr key={`${worker.worker_id} ${index}`}>
              <td>{worker.worker_id}</td>
              <td className="types-cell">
                {worker.supported_tasks.map((type) => (
                  <code key={type}>{type}</code>
                ))}
              </td>
              <td className="number-cell">
                {worker.load} / {worker.max_concurrent_tasks}
              </td>
              <td>
                <Badge tone={statuses[worker.status].tone}>{statuses[worker.status].words}</Badge>
              </td>
              <td>
                <Ago at={worker.connected_at} now={now} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
