// Says a message again and again: the task of `test_flow`.
import { task } from "avtomatika";
import { z } from "zod";

export const echoTask = task("echo_task", {
  input: z.object({ message: z.string().min(1), multiply: z.int().min(1).max(1000).default(1) }),
  output: z.object({
    processed_message: z.string(),
    original_message: z.string(),
    multiplied_by: z.int(),
  }),
});
