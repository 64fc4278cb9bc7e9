// Which tokens are workers', and for which worker ids and task types each is good.
import { hash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** What a worker's headers prove. */
export type Proof =
  | { readonly outcome: "missing" | "invalid" }
  | {
      readonly outcome: "ok";
      /** The one worker whose own token it is; undefined for the token that workers share. */
      readonly workerId?: string;
      /** Whether the token is good for a worker id, as things are when this is called. */
      isFor(workerId: string): boolean;
    };

/** The token of one worker. */
export interface OwnToken {
  readonly token: string;
  /** The types that it may offer; all where absent. */
  readonly taskTypes?: readonly string[];
}

interface Known {
  readonly digest: Buffer;
  readonly taskTypes: ReadonlySet<string> | undefined;
}

export class WorkerTokens {
  readonly #shared: Buffer;
  #own: ReadonlyMap<string, Known> = new Map();

  /**
   * @param shared The token of every worker that has none of its own.
   * @param own Tokens by worker id.
   */
  constructor(shared: string, own: ReadonlyMap<string, OwnToken> = new Map()) {
    this.#shared = digest(shared);
    this.replace(own);
  }

  /** Forget all workers' own tokens, and know these instead. */
  replace(own: ReadonlyMap<string, OwnToken>): void {
    const known = ({ token, taskTypes }: OwnToken): Known => ({
      digest: digest(token),
      taskTypes: taskTypes && new Set(taskTypes),
    });
    this.#own = new Map([...own].map(([workerId, one]) => [workerId, known(one)]));
  }

  /** Whether a worker has a token of its own. */
  hasOwn(workerId: string): boolean {
    return this.#own.has(workerId);
  }

  /** What of some task types a worker may not offer with its token, in words; undefined where it may offer all. */
  beyond(workerId: string, types: Iterable<string>): string | undefined {
    const scope = this.#own.get(workerId)?.taskTypes;
    const beyond = scope ? [...types].filter((type) => !scope.has(type)) : [];
    return beyond.length === 0 ? undefined : `tasks of the type ${beyond.join(", ")}`;
  }

  /** Read `X-Worker-Token` or, where that is absent, `Authorization: Bearer`. */
  prove(headers: IncomingHttpHeaders): Proof {
    const token = [headers["x-worker-token"] ?? bearer(headers.authorization) ?? []].flat()[0];
    if (token === undefined) return { outcome: "missing" };
    const given = digest(token);
    const owners = [...this.#own].filter(([, own]) => timingSafeEqual(own.digest, given));
    if (owners.length === 0 && !timingSafeEqual(this.#shared, given)) return { outcome: "invalid" };
    const isFor = (workerId: string): boolean =>
      timingSafeEqual(this.#own.get(workerId)?.digest ?? this.#shared, given);
    const [workerId] = owners.length === 1 ? owners[0]! : [];
    return { outcome: "ok", ...(workerId !== undefined && { workerId }), isFor };
  }
}

/** Digests are equally long, whatever the tokens are; `timingSafeEqual` needs that. */
function digest(token: string): Buffer {
  return hash("sha256", token, "buffer");
}

function bearer(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : /^bearer +(\S+) *$/i.exec(authorization)?.[1];
}
