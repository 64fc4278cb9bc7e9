// The latest part of each stream that workers send, in memory: what readers read, and all that is kept of a stream.
import { LRUCache } from "lru-cache";
import type { Clock } from "../clock.ts";
import type { JobEvent } from "./runtime.ts";

export type ChunkEvent = Extract<JobEvent, { readonly type: "chunk" }>;

/** What is kept of one stream, in bytes of its content and in chunks. */
const tailBytesMax = 256 * 1024;
const tailChunksMax = 1024;
/** What is kept of all streams of all jobs. */
const allBytesMax = 64 * 1024 * 1024;
/** What a chunk costs besides its content. */
const chunkOverhead = 200;
/** How long a stream is kept that nothing is added to. */
const keptMs = 5 * 60_000;

interface Tail {
  readonly attempt: number;
  /** Where the next chunk begins, unless something is missing. */
  next: number;
  ended: boolean;
  bytes: number;
  chunks: Numbered[];
}
type Streams = Map<string, Tail>;
interface Numbered {
  /** Counts all chunks that were ever taken here; a reader's place is that of the last one it had. */
  readonly number: number;
  readonly event: ChunkEvent;
}

export class StreamTails {
  /** By job, then by task and stream. */
  readonly #jobs: LRUCache<string, Streams>;
  #taken = 0;

  constructor(clock: Clock) {
    this.#jobs = new LRUCache<string, Streams>({
      maxSize: allBytesMax,
      sizeCalculation: sizeOf,
      ttl: keptMs,
      perf: { now: () => clock.monotonic() },
    });
  }

  /** Keep a chunk. @returns false where it is old news: sent again, or of an attempt that has a successor. */
  take(event: ChunkEvent): boolean {
    const { jobId, taskId, attempt, chunk } = event;
    const streams = this.#jobs.get(jobId) ?? new Map<string, Tail>();
    const key = `${taskId}\n${chunk.stream}`;
    let tail = streams.get(key);
    if (tail && tail.attempt > attempt) return false;
    if (tail?.attempt !== attempt)
      tail = { attempt, next: chunk.offset, ended: false, bytes: 0, chunks: [] };
    const next = chunk.offset + chunk.bytes;
    if (tail.ended || next < tail.next || (next === tail.next && !chunk.end)) return false;
    tail.chunks.push({ number: ++this.#taken, event });
    tail.bytes += chunk.bytes;
    tail.next = next;
    tail.ended = chunk.end;
    while (tail.bytes > tailBytesMax || tail.chunks.length > tailChunksMax)
      tail.bytes -= tail.chunks.shift()!.event.chunk.bytes;
    this.#jobs.set(jobId, streams.set(key, tail));
    return true;
  }

  /** The chunks of a job that a reader has not had yet, oldest first; `after` is 0 at first. */
  read(
    jobId: string,
    after: number,
  ): { readonly events: readonly ChunkEvent[]; readonly place: number } {
    const streams = [...(this.#jobs.get(jobId)?.values() ?? [])];
    const news = streams
      .flatMap(({ chunks }) =>
        chunks.slice(chunks.findLastIndex(({ number }) => number <= after) + 1),
      )
      .toSorted((a, b) => a.number - b.number);
    return { events: news.map(({ event }) => event), place: news.at(-1)?.number ?? after };
  }
}

function sizeOf(streams: Streams): number {
  let size = 1;
  for (const { bytes, chunks } of streams.values()) size += bytes + chunks.length * chunkOverhead;
  return size;
}
