// Frames become messages within the limits, and messages frames again, whatever was sent.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import {
  decodeMessage,
  joinFrames,
  serverFrames,
  workerFrames,
} from "../../../src/protocol/message.ts";
import {
  frameBytesMax,
  framesPerMessageMax,
  ServerFrame,
  WorkerFrame,
} from "../../../src/protocol/worker-frames.ts";

const accept = { type: "accept", task_id: "t", attempt: 1 };
const decode = (value: unknown) => decodeMessage(JSON.stringify(value), workerFrames);

describe("a message", () => {
  test("is one frame or an array of frames, in order", () => {
    expect(decode(accept)).toEqual([{ frame: accept }]);
    expect(decode([accept, { type: "drain" }])).toEqual([
      { frame: accept },
      { frame: { type: "drain" } },
    ]);
    expect(decode([])).toEqual([]);
  });

  test("keeps its good frames beside a bad one", () => {
    expect(decode([{ type: "nonsense" }, accept])).toMatchObject([
      { problem: { code: "protocol.frame_unknown" } },
      { frame: accept },
    ]);
  });

  test("gives each frame its own allowance of keys", () => {
    const result = { ...accept, type: "result", outcome: "ok", output: Array(9_000).fill(0) };
    for (const { frame } of decode([result, result, result])) expect(frame).toBeDefined();
    expect(decode({ ...result, output: Array(10_000).fill(0) })).toMatchObject([
      { problem: { code: "protocol.frame_invalid" } },
    ]);
  });

  test.each([
    ["", /not JSON/],
    ['{"type":"result","task_id":"t","attempt":1,"outcome":"ok","output":1e999}', /too large/],
    ["7", /object with a `type`/],
    ['{"type":7}', /object with a `type`/],
    ['{"type":"__proto__"}', /no frame of type "__proto__"/],
    [JSON.stringify({ type: "x".repeat(9999) }), /^There is no frame of type "x{64}" here\.$/],
    [JSON.stringify({ ...accept, attempt: 0 }), /^accept: attempt: /],
  ])("that is wrong is described to its sender (%#)", (text, message) => {
    const [decoded] = decodeMessage(text, workerFrames);
    expect(decoded?.problem?.message).toMatch(message);
  });

  test("never makes the reader throw", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json({ maxDepth: 8 })), (text) => {
        for (const { frame, problem } of decodeMessage(text, workerFrames))
          expect(frame === undefined).toBe(problem !== undefined);
      }),
    );
  });

  test.each([
    ["worker", WorkerFrame, workerFrames],
    ["server", ServerFrame, serverFrames],
  ])("of a %s can hold every kind of frame of its union, and no other", (_side, union, schemas) => {
    expect([...schemas.keys()].toSorted()).toEqual(typesOf(union).toSorted());
  });
});

/** The `type` literals of all frames in a union of unions. */
function typesOf(schema: z.ZodType): string[] {
  if (schema instanceof z.ZodUnion)
    return [...new Set(schema.options.flatMap((option) => typesOf(option as z.ZodType)))];
  const { type } = (schema as z.ZodObject<{ type: z.ZodLiteral<string> }>).shape;
  return [...type.values];
}

describe("joined frames", () => {
  test("stay single where there is only one", () => {
    expect(joinFrames([])).toEqual([]);
    expect(joinFrames(['{"a":1}'])).toEqual(['{"a":1}']);
    expect(joinFrames(['{"a":1}', '{"b":2}'])).toEqual(['[{"a":1},{"b":2}]']);
  });

  test("keep their order and the limits of a message, whatever their sizes", () => {
    const frame = fc
      .tuple(fc.constantFrom("x", "ж", "語"), fc.constantFrom(0, 1, 100, 90_000, 262_000))
      .map(([letter, length]) => JSON.stringify({ text: letter.repeat(length) }));
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 600 }), (frames) => {
        const messages = joinFrames(frames);
        const again = messages.flatMap((text) => {
          const value: unknown = JSON.parse(text);
          const list = Array.isArray(value) ? value : [value];
          expect(list.length).toBeLessThanOrEqual(framesPerMessageMax);
          expect(Buffer.byteLength(text)).toBeLessThanOrEqual(frameBytesMax);
          return list.map((item) => JSON.stringify(item));
        });
        expect(again).toEqual(frames);
      }),
      { numRuns: 30 },
    );
  });

  test("let a frame of the largest size travel alone", () => {
    const large = JSON.stringify("x".repeat(frameBytesMax - 2));
    expect(joinFrames(["1", large, "2"])).toEqual(["1", large, "2"]);
  });
});
