// The jobs that jobs of a world have started, and which of them the test plays.
import type { OutboxBody } from "../runtime/outbox-message.ts";
import type { Commit } from "../store/commit.ts";
import type { Repertoire } from "./instrument.ts";
import { standInType } from "./stand-in.ts";

export class JobBook {
  readonly #repertoire: Repertoire;
  /** Job id → the name of its blueprint. */
  readonly #blueprints = new Map<string, string>();

  constructor(repertoire: Repertoire) {
    this.#repertoire = repertoire;
  }

  /** Before a job is started, there has to be something that it can be a job of. */
  committed({ ops }: Commit): void {
    for (const op of ops) {
      if (op.op !== "add_message") continue;
      const body = op.message.body as OutboxBody;
      if (body.kind !== "start_job") continue;
      this.#repertoire.standInFor(body.blueprint, body.version);
      this.#blueprints.set(body.to, body.blueprint);
    }
  }

  /** The blueprint of a job that another one has started. */
  blueprintOf(jobId: string): string | undefined {
    return this.#blueprints.get(jobId);
  }

  /** What the work of a job is called that the test plays; undefined where its blueprint is there. */
  playedAs(jobId: string): string | undefined {
    const name = this.#blueprints.get(jobId);
    const isPlayed = name !== undefined && this.#repertoire.isStoodIn(name);
    return isPlayed ? standInType(name) : undefined;
  }
}
