// What the floors carry: texts as long as those of an echo job.

export const bodyOfEcho = JSON.stringify({ message: "Hello World", multiply: 3 });
/** About as long as the answer that tells of a finished echo job. */
export const answerOfFloor = JSON.stringify({ data: "x".repeat(900) });
/** About as long as the frame of its task. */
export const frameOfFloor = JSON.stringify({ type: "task", params: "x".repeat(300) });
/** About as long as what one of its two commits writes. */
export const rowOfFloor = "x".repeat(1500);
