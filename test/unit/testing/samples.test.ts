// Values made from schemas: each fits, and the first is plain.
import { expect, test } from "vitest";
import { z } from "zod";
import { samplesOf } from "../../../src/testing/samples.ts";

test.each([
  { schema: z.boolean(), samples: [true, false] },
  { schema: z.enum(["a", "b"]), samples: ["a", "b"] },
  { schema: z.literal("x"), samples: ["x"] },
  { schema: z.null(), samples: [null] },
  { schema: z.string().min(9), samples: ["sample..."] },
  { schema: z.email(), samples: ["someone@example.org"] },
  { schema: z.int().positive().max(10), samples: [1, 10] },
  { schema: z.number().min(0).max(1).multipleOf(0.5), samples: [0, 1] },
  { schema: z.int(), samples: [1, 1_000_001] },
  { schema: z.array(z.boolean()), samples: [[true], [false], []] },
  { schema: z.array(z.literal(1)).min(2), samples: [[1, 1]] },
  { schema: z.tuple([z.literal(1), z.boolean()]), samples: [[1, true]] },
  { schema: z.union([z.literal(1), z.object({ a: z.literal(2) })]), samples: [1, { a: 2 }] },
  {
    schema: z.object({ a: z.boolean(), b: z.literal(1).optional(), c: z.literal(2).default(2) }),
    samples: [{ a: true }, { a: false }, { a: true, b: 1 }, { a: true, c: 2 }],
  },
  { schema: z.unknown(), samples: [{}] },
  { schema: z.string().regex(/^[0-9]{3}$/), samples: [] },
])("$samples", ({ schema, samples }) => expect(samplesOf(schema)).toEqual(samples));

test("a schema that contains itself has samples that end", () => {
  const Tree = z.object({
    get children() {
      return z.array(Tree);
    },
  });
  const samples = samplesOf(Tree);
  expect(samples.length).toBeGreaterThan(0);
  for (const sample of samples) expect(Tree.safeParse(sample).success).toBe(true);
});
