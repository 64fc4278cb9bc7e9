// Reads the body of a request as text, up to a limit.
import type { IncomingMessage } from "node:http";

/** @returns undefined where the body is larger than that; nobody should go on reading from that sender. */
export async function requestText(
  request: IncomingMessage,
  bytesMax: number,
): Promise<string | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > bytesMax) return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
