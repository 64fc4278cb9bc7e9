// Server-sent events out of a stream of bytes.

export interface ServerSentEvent {
  /** Where a reader that comes back goes on. */
  readonly id?: string;
  readonly data: string;
}

/**
 * Read events as they come in. Ends when the stream ends and throws when it breaks; an event that is cut off is
 * left out. A caller that stops early closes the stream.
 */
export async function* serverSentEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<ServerSentEvent, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let buffered = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (buffered + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/);
      buffered = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = eventIn(block);
        if (event) yield event;
      }
    }
  } finally {
    // A stream that is broken already has nothing to close.
    await reader.cancel().catch(() => {});
  }
}

/** @returns undefined for comments and settings, which carry no data. */
function eventIn(block: string): ServerSentEvent | undefined {
  const data: string[] = [];
  let id: string | undefined;
  for (const line of block.split(/\r?\n/)) {
    const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "data") data.push(value);
    else if (name === "id") id = value;
  }
  if (data.length === 0) return undefined;
  return { data: data.join("\n"), ...(id !== undefined && { id }) };
}
