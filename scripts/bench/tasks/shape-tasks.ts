// Workers for the shapes: tasks that do nothing but answer, so that what is measured is everything else.
import { defineTask } from "avtomatika/worker";
import { addAll, addOne, echo, hold } from "./shape-definitions.ts";

export const one = defineTask(addOne, ({ params: { value } }) => ({ value: value + 1 }));
export const echoes = defineTask(echo, ({ params: { message, multiply } }) => ({
  message: Array.from({ length: multiply }, () => message).join(" "),
}));
export const held = defineTask(hold, () => ({}));
export const all = defineTask(addAll, ({ params: { values } }) => ({
  sum: values.reduce((sum, value) => sum + value, 0),
}));
