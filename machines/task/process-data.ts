// Processes a piece of text: the task of `test_workflow`.
import { task } from "avtomatika";
import { z } from "zod";

export const processData = task("process_data", {
  input: z.object({ input: z.string() }),
  output: z.object({
    processed_payload: z.string(),
    worker_id: z.string(),
    message: z.string(),
  }),
});
