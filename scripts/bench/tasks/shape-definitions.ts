// The tasks of the shapes, and the one of the bench of workers.
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

export const echo = task("echo", {
  input: z.object({ message: z.string(), multiply: z.number() }),
  output: z.object({ message: z.string() }),
});

export const hold = task("hold", { input: z.object({}), output: z.object({}) });
