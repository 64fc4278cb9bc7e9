// What a turn will have written: operations of the commit and messages of its outbox, as they come and are taken back.
import type { Op } from "../store/commit.ts";
import type { NewTask, OutboxMessage } from "../store/records.ts";
import { asStored } from "./in-turn.ts";
import type { OutboxBody } from "./outbox-message.ts";

export class TurnOps {
  #ops: Op[] = [];
  #posted = 0;
  readonly #jobId: string;
  /** Store time until which the node that commits has its messages to itself. */
  readonly #messagesDue: number;

  constructor(jobId: string, messagesDue: number) {
    this.#jobId = jobId;
    this.#messagesDue = messagesDue;
  }

  get all(): readonly Op[] {
    return this.#ops;
  }

  get messages(): readonly OutboxMessage[] {
    return this.#ops.flatMap((op) => (op.op === "add_message" ? [op.message] : []));
  }

  add(...ops: readonly Op[]): void {
    this.#ops.push(...ops);
  }

  addTask(task: NewTask): void {
    this.add({ op: "add_task", task });
  }

  /**
   * @param reason is told to the worker that has it
   * @returns whether it was there before this turn, so that a worker may have it
   */
  removeTask(taskId: string, reason: string): boolean {
    if (this.#takeBack((op) => op.op === "add_task" && op.task.taskId === taskId)) return false;
    this.add({ op: "remove_task", taskId, reason });
    return true;
  }

  clearTimer(timerId: string): void {
    if (!this.#takeBack((op) => op.op === "set_timer" && op.timerId === timerId))
      this.add({ op: "clear_timer", timerId });
  }

  /** @param revision of the step that wants it: with a count it names the message. */
  post(revision: number, body: OutboxBody): void {
    const id = `${this.#jobId}:${revision}.${this.#posted++}`;
    // As the store will give it back, so that doing it now and doing it later are the same.
    const message = { id, jobId: this.#jobId, body: asStored(body) };
    this.add({ op: "add_message", message, due: this.#messagesDue });
  }

  /** @returns whether the job's start was still to be committed: then it is taken back, with all that was sent to it. */
  unstartJob(jobId: string): boolean {
    const isTo = (op: Op, kind?: OutboxBody["kind"]): boolean => {
      if (op.op !== "add_message") return false;
      const body = op.message.body as OutboxBody;
      return body.kind !== "action" && body.to === jobId && (kind ?? body.kind) === body.kind;
    };
    return this.#ops.some((op) => isTo(op, "start_job")) && this.#takeBack((op) => isTo(op));
  }

  #takeBack(isMeant: (op: Op) => boolean): boolean {
    const left = this.#ops.filter((op) => !isMeant(op));
    const found = left.length < this.#ops.length;
    this.#ops = left;
    return found;
  }
}
