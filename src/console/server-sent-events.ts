// Server-sent events out of a fetched stream.

export interface ServerSentEvent {
  readonly id: string | undefined;
  readonly type: string;
  readonly data: string;
}

/** Ends when the stream ends, and throws when the connection breaks. */
export async function* serverSentEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<ServerSentEvent> {
  const reader = body.pipeThrough(new TextDecoderStream() as TransformStream).getReader();
  let buffered = "";
  try {
    for (;;) {
      const { done, value } = (await reader.read()) as ReadableStreamReadResult<string>;
      if (done) return;
      const frames = (buffered + value).split(/\r?\n\r?\n/);
      buffered = frames.pop() ?? "";
      for (const frame of frames) {
        const event = parseFrame(frame);
        if (event) yield event;
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** @returns undefined for comments and settings: they carry no data. */
function parseFrame(frame: string): ServerSentEvent | undefined {
  const fields = frame.split(/\r?\n/).map((line) => {
    const colon = line.indexOf(":");
    const [name, value] = colon < 0 ? [line, ""] : [line.slice(0, colon), line.slice(colon + 1)];
    return { name, value: value.startsWith(" ") ? value.slice(1) : value };
  });
  const last = (name: string) => fields.findLast((field) => field.name === name)?.value;
  const data = fields.filter(({ name }) => name === "data").map(({ value }) => value);
  if (data.length === 0) return undefined;
  return { id: last("id"), type: last("event") ?? "message", data: data.join("\n") };
}
