// A versioned endpoint: `POST /api/v1/jobs/test` says a message several times.
import { flow } from "avtomatika";
import { echoTask } from "./task/echo-task.ts";

export const testFlow = flow("test_flow", {
  version: "1",
  apiVersion: "v1",
  endpoint: "/jobs/test",
  tasks: [echoTask],
});

testFlow.state("start", { isStart: true, to: ["completed", "failed"] }, (ctx) => {
  const { message, multiply } = ctx.initialData;
  ctx.actions.dispatchTask({
    type: "echo_task",
    params: { message, multiply },
    transitions: { success: "completed", failure: "failed" },
  });
});
testFlow.state("completed", { isEnd: true });
testFlow.state("failed", { isEnd: true });
