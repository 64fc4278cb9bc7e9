// The smallest flow: one task, whose outcome is the job's.
import { flow } from "avtomatika";

export const testWorkflow = flow("test_workflow", { version: "1", endpoint: "/jobs/test" });

testWorkflow.state("start", { isStart: true, to: ["completed", "failed"] }, (ctx) =>
  ctx.actions.dispatchTask({
    type: "process_data",
    params: ctx.initialData,
    transitions: { success: "completed", failure: "failed" },
  }),
);
testWorkflow.state("completed", { isEnd: true });
testWorkflow.state("failed", { isEnd: true });
