// Reads a request's JSON: bounded before it is parsed, and free of keys that could reach a prototype.
import type { HonoRequest } from "hono";
import { RuntimeError } from "../errors.ts";
import { requestBytesMax } from "../protocol/contract.ts";
import { parseJson } from "../protocol/json.ts";

/**
 * @param mayBeEmpty whether no body at all is fine; it reads as undefined then.
 * @throws RuntimeError `request.invalid_json`, `request.body_too_large`
 */
export async function readJson(request: HonoRequest, mayBeEmpty: boolean): Promise<unknown> {
  const text = await readText(request);
  if (mayBeEmpty && text === "") return undefined;
  const parsed = parseJson(text);
  if ("value" in parsed) return parsed.value;
  const { problem, message } = parsed;
  // The original answers every body that it cannot read with these words.
  const words = problem === "syntax" ? "Invalid JSON body" : `Invalid JSON body: ${message}`;
  throw new RuntimeError("request.invalid_json", words, { problem, message });
}

async function readText(request: HonoRequest): Promise<string> {
  const length = request.header("content-length");
  if (Number(length) > requestBytesMax) throw tooLarge();
  try {
    // Where the length is told, Node itself holds the sender to it.
    return await (length === undefined ? readUnknownLength(request.raw.body) : request.text());
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    throw new RuntimeError("request.invalid", "The body ends too early.", {}, { cause: error });
  }
}

async function readUnknownLength(body: ReadableStream<Uint8Array> | null): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > requestBytesMax) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function tooLarge(): RuntimeError {
  return new RuntimeError(
    "request.body_too_large",
    `The body is larger than ${requestBytesMax} bytes.`,
    { bytesMax: requestBytesMax },
  );
}
