// Says a message as often as it is asked to.
import { echoTask } from "../../machines/task/echo-task.ts";
import { defineTask } from "avtomatika/worker";

export const echo = defineTask(echoTask, ({ params: { message, multiply } }) => ({
  processed_message: Array<string>(multiply).fill(message).join(" "),
  original_message: message,
  multiplied_by: multiply,
}));
