// The published descriptions of the worker protocol are those of the code, and hang together.
import { expect, test } from "vitest";
import { serverFrames, workerFrames } from "../../src/protocol/message.ts";
import { workerAsyncApi, workerFramesJsonSchema } from "../../src/protocol/worker-schemas.ts";
import { read } from "./repository.ts";

type Node = Readonly<Record<string, unknown>>;
const asyncApi = JSON.parse(read("docs/worker-protocol.asyncapi.json")) as Node;
const jsonSchema = JSON.parse(read("docs/worker-frames.schema.json")) as Node;

/** Every value in a document, with its own references. */
function* nodes(value: unknown): Generator<Node> {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) yield value as Node;
  for (const member of Object.values(value)) yield* nodes(member);
}
const at = (document: unknown, pointer: string): unknown =>
  pointer
    .slice(2)
    .split("/")
    .reduce<unknown>((value, key) => (value as Node | undefined)?.[key], document);

test.each([
  ["worker-frames.schema.json", jsonSchema, workerFramesJsonSchema],
  ["worker-protocol.asyncapi.json", asyncApi, workerAsyncApi],
])(
  "docs/%s is what `npm run schemas` writes, and all its references lead somewhere",
  (_, published, made) => {
    expect(published).toEqual(JSON.parse(JSON.stringify(made())));
    const references = [...nodes(published)].flatMap(({ $ref }) =>
      typeof $ref === "string" ? [$ref] : [],
    );
    expect(references.length).toBeGreaterThan(20);
    expect(references.filter((ref) => at(published, ref) === undefined)).toEqual([]);
  },
);

test("every frame has a message with a summary in the direction in which it goes", () => {
  for (const [operation, frames] of [
    ["receiveFromWorker", workerFrames],
    ["sendToWorker", serverFrames],
  ] as const) {
    const { messages } = at(asyncApi, `#/operations/${operation}`) as {
      messages: readonly { readonly $ref: string }[];
    };
    expect(messages.map(({ $ref }) => $ref.split("/").at(-1))).toEqual([...frames.keys()]);
    for (const name of frames.keys())
      expect(at(asyncApi, `#/components/messages/${name}/summary`)).toMatch(/\.$/);
  }
});
