// A member's books, which say when anything changes by which members are chosen.
import type { WorkerIntroduction } from "../runtime.ts";
import type { WorkerUsage } from "../worker-view.ts";
import type { Member, Running, WorkerSession } from "../worker-pool.ts";

type Watched = Pick<
  Member,
  | "introduction"
  | "credits"
  | "draining"
  | "reservedSlots"
  | "usedSlots"
  | "savingFor"
  | "turn"
  | "ignored"
>;

export class MemberBooks implements Member {
  readonly session: WorkerSession;
  readonly connectedAt: number;
  readonly reserved = new Map<string, number>();
  readonly running = new Map<string, Running>();
  readonly lacks = new Map<string, string>();
  claiming = false;
  usage?: WorkerUsage;
  readonly #changed: (member: Member) => void;
  readonly #now: { -readonly [Name in keyof Watched]: Watched[Name] };

  /** @param turn as in `Member`, of its connection before this one */
  constructor(
    session: WorkerSession,
    introduction: WorkerIntroduction,
    at: { readonly connectedAt: number; readonly turn: number },
    changed: (member: Member) => void,
  ) {
    this.session = session;
    this.connectedAt = at.connectedAt;
    this.#changed = changed;
    const { credits, draining } = introduction;
    const none = { reservedSlots: 0, usedSlots: 0, ignored: 0, savingFor: undefined };
    this.#now = { introduction, credits, draining, turn: at.turn, ...none };
  }

  get introduction(): WorkerIntroduction {
    return this.#now.introduction;
  }
  set introduction(introduction) {
    this.#set("introduction", introduction);
  }
  get credits(): number {
    return this.#now.credits;
  }
  set credits(credits) {
    this.#set("credits", credits);
  }
  get draining(): boolean {
    return this.#now.draining;
  }
  set draining(draining) {
    this.#set("draining", draining);
  }
  get reservedSlots(): number {
    return this.#now.reservedSlots;
  }
  set reservedSlots(slots) {
    this.#set("reservedSlots", slots);
  }
  get usedSlots(): number {
    return this.#now.usedSlots;
  }
  set usedSlots(slots) {
    this.#set("usedSlots", slots);
  }
  get savingFor(): string | undefined {
    return this.#now.savingFor;
  }
  set savingFor(queue) {
    this.#set("savingFor", queue);
  }
  get turn(): number {
    return this.#now.turn;
  }
  set turn(turn) {
    this.#set("turn", turn);
  }
  get ignored(): number {
    return this.#now.ignored;
  }
  set ignored(times) {
    this.#set("ignored", times);
  }

  #set<Name extends keyof Watched>(name: Name, value: Watched[Name]): void {
    this.#now[name] = value;
    this.#changed(this);
  }
}
