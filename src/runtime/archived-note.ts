// Adds to the history of an archived job that another one has begun where it was.
import { decodeEnvelope, encodeEnvelope } from "../actor/codec.ts";
import type { Message } from "../actor/effect.ts";
import { noteRestart } from "../actor/begin-again.ts";
import type { Archive } from "../archive/archive.ts";
import type { HistoryEntry } from "../store/records.ts";
import type { Store } from "../store/store.ts";

const pageSize = 1000;

/** Nothing happens where the job is not there, or has been told before. Doing it twice at once leaves one entry of each. */
export async function noteInArchive(
  { archive, store }: { readonly archive: Archive; readonly store: Store },
  jobId: string,
  message: Message & { readonly type: "restarted" },
): Promise<void> {
  const job = await archive.load(jobId);
  if (!job) return;
  const noted = noteRestart(decodeEnvelope(job.envelope), message);
  if (noted.outcome === "ignored") return;
  const history: HistoryEntry[] = [];
  for (let page = await archive.history(jobId, 0, pageSize); page.length > 0;) {
    history.push(...page);
    page = await archive.history(jobId, history.at(-1)!.revision, pageSize);
  }
  const { revision } = noted.envelope;
  const { currentState, status } = job.summary;
  const at = { now: store.now(), epoch: store.epoch() };
  const entry = { revision, ...at, message, currentState, status };
  await archive.put(
    [
      {
        job: { summary: job.summary, revision, envelope: encodeEnvelope(noted.envelope) },
        history: [...history, entry],
        ...(job.style && { style: job.style }),
      },
    ],
    job.archivedAt,
  );
}
