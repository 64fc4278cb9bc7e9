// The two tasks of the shapes.
import { task } from "avtomatika";
import { z } from "zod";

export const addOne = task("add_one", {
  input: z.object({ value: z.number() }),
  output: z.object({ value: z.number() }),
});

export const addAll = task("add_all", {
  input: z.object({ values: z.array(z.number()) }),
  output: z.object({ sum: z.number() }),
});
