// Walks the model of a blueprint through the real runtime, and keeps the shortest paths that cover all of it.
import { AssertionError } from "node:assert";
import type { AnyStateMachine, EventObject } from "xstate";
import { actorKind } from "../blueprint/actor-kind.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import type { Flow } from "../blueprint/flow.ts";
import {
  coveredBy,
  modelOf,
  transitionText,
  type Covered,
  type Model,
  type ModelTransition,
} from "./coverage.ts";
import { familyOf } from "./family.ts";
import { Repertoire } from "./instrument.ts";
import { samplesOf } from "./samples.ts";
import { byHand, reply, type Script, type Told } from "./script.ts";
import {
  apply,
  stimuliOf,
  stimulusText,
  withFailure,
  type Examples,
  type Stimulus,
} from "./stimulus.ts";
import type { TestJob } from "./test-job.ts";
import { TestWorld, type TestWorldOptions } from "./test-world.ts";
import type { ActorName, EventOf } from "./typed.ts";

export interface PathOptions<Machine extends AnyStateMachine, Input> extends Pick<
  TestWorldOptions,
  "alongside" | "limits" | "settleMs" | "startAt"
> {
  /** What jobs are started with; values that fit the blueprint's schema where absent. */
  readonly inputs?: readonly Input[];
  /** Events by their type, without it; one without members where absent. */
  readonly events?: {
    readonly [Type in EventOf<Machine>["type"]]?: readonly Omit<
      Extract<EventOf<Machine>, { readonly type: Type }>,
      "type"
    >[];
  };
  /**
   * How tasks, promises and child jobs may end, by the name of the actor, the type of a flow's task, the blueprint of a flow's
   * child job, or the id of the invocation: `reply(…)` and `fail(…)`. Where absent, outputs are made from the task's schema.
   * A failure is always tried. A child job of a blueprint in `alongside` runs as it is: its own tasks end, it is sent its own
   * events, and it is cancelled.
   */
  readonly outcomes?: Readonly<
    Partial<Record<ActorName<Machine> | (string & {}), readonly Told[]>>
  >;
  /** The most stimuli in one path; 40 where absent. */
  readonly stepsMax?: number;
  /** The most runs in which the model is explored; 3000 where absent. */
  readonly runsMax?: number;
}

/** One way through a blueprint. */
export interface Path {
  /** `start, reserve done, APPROVE, ship done`. */
  readonly title: string;
  readonly stimuli: readonly Stimulus[];
  /** Where it ends. */
  readonly endsIn: string;
  /** Go it in a new world. Close the world in the end. @throws AssertionError where it does not end where it did. */
  run(): Promise<{ readonly job: TestJob; readonly world: TestWorld }>;
}

export interface Paths {
  /** Together they cover all that was found to be coverable, none of them for nothing. */
  readonly paths: readonly Path[];
  /** Transitions that nothing led through. */
  readonly uncovered: readonly ModelTransition[];
  /** Ids of states that nothing led to. */
  readonly unreached: readonly string[];
  /** How many runs it took to find them. */
  readonly runs: number;
  /** A limit ended the search before all was covered or tried. */
  readonly truncated: boolean;
  /**
   * @param except transitions that may stay uncovered, by their texts, such as `order.open: APPROVE → order.paid`
   * @throws AssertionError that lists what is not covered.
   */
  assertComplete(options?: { readonly except?: readonly string[] }): void;
}

/**
 * Find paths that cover every state and every transition of a blueprint: invocations that succeed, end with each declared
 * status and fail, events, timers, guards. All of it happens in the real runtime, on virtual time.
 *
 * Which way a guard goes depends on the examples: give inputs, events and outcomes that make the difference.
 */
export async function findPaths<Machine extends AnyStateMachine, Input>(
  given: Blueprint<Input, unknown, EventObject, Machine> | Flow<unknown, unknown>,
  options: PathOptions<Machine, Input> = {},
): Promise<Paths> {
  const repertoire = new Repertoire(given, options.alongside);
  const search = new Search(repertoire, options as PathOptions<AnyStateMachine, unknown>);
  await search.run();
  return search.result();
}

interface Found {
  readonly stimuli: readonly Stimulus[];
  readonly covered: Covered;
  readonly endsIn: string;
}

const stepsMaxDefault = 40;
const runsMaxDefault = 3000;

class Search {
  readonly #repertoire: Repertoire;
  readonly #blueprint: Blueprint;
  readonly #options: PathOptions<AnyStateMachine, unknown>;
  readonly #examples: Examples;
  readonly #model: Model;
  readonly #seen = new Set<string>();
  /** Those that were the first to cover something, shortest first. */
  readonly #found: Found[] = [];
  readonly #missing: Set<string>;
  #queue: (readonly Stimulus[])[];
  #runs = 0;
  #truncated = false;

  constructor(repertoire: Repertoire, options: PathOptions<AnyStateMachine, unknown>) {
    const { blueprint } = repertoire;
    this.#repertoire = repertoire;
    this.#blueprint = blueprint;
    this.#options = options;
    this.#examples = { events: options.events ?? {}, outcomes: options.outcomes ?? {} };
    this.#model = modelOf(blueprint);
    this.#missing = new Set([...this.#model.states, ...this.#model.transitions.keys()]);
    const { input: schema } = blueprint;
    const inputs = options.inputs ?? (schema ? samplesOf(schema) : [undefined]);
    this.#queue = inputs.map((input) => [{ kind: "start", input }]);
  }

  /** Breadth first, so that what is found first is shortest. */
  async run(): Promise<void> {
    const { stepsMax = stepsMaxDefault, runsMax = runsMaxDefault } = this.#options;
    while (this.#missing.size > 0 && this.#queue.length > 0) {
      if (this.#runs >= runsMax) {
        this.#truncated = true;
        return;
      }
      const level = this.#queue;
      this.#queue = [];
      for (const stimuli of level) {
        if (this.#missing.size === 0 || this.#runs >= runsMax) break;
        if (stimuli.length > stepsMax) this.#truncated = true;
        else await this.#visit(stimuli);
      }
      if (this.#runs >= runsMax && this.#missing.size > 0) this.#truncated = true;
    }
  }

  async #visit(stimuli: readonly Stimulus[]): Promise<void> {
    this.#runs++;
    const walk = await walked(this.#repertoire, stimuli, this.#options);
    const { job, world } = walk;
    const covered = coveredBy(this.#blueprint, job.record);
    const news = [...covered.states, ...covered.transitions].filter((id) =>
      this.#missing.delete(id),
    );
    if (news.length > 0) this.#found.push({ stimuli, covered, endsIn: job.state });
    this.#queue.push(...walk.otherChoices);
    const family = await familyOf(world, job);
    const key = family.map((one) => situationOf(one.job)).join("\n");
    if (!this.#seen.has(key)) {
      this.#seen.add(key);
      const next = stimuliOf(this.#blueprint.machine, family, this.#examples);
      this.#queue.push(...next.map((one) => [...stimuli, one]));
    }
    await world.close();
  }

  result(): Paths {
    const { transitions, states } = this.#model;
    const uncovered = [...transitions.values()].filter(({ id }) => this.#missing.has(id));
    const unreached = [...states].filter((id) => this.#missing.has(id));
    return {
      paths: withoutNeedless(this.#found, this.#model).map((found) => this.#path(found)),
      uncovered,
      unreached,
      runs: this.#runs,
      truncated: this.#truncated,
      assertComplete: ({ except = [] } = {}) => {
        const missing = uncovered.map(transitionText).filter((text) => !except.includes(text));
        if (missing.length === 0 && (unreached.length === 0 || uncovered.length > 0)) return;
        const limit = this.#truncated
          ? " A limit ended the search: raise runsMax or stepsMax."
          : "";
        const lines = missing.length > 0 ? missing : unreached;
        throw new AssertionError({
          message: `Nothing leads through these:${limit}\n  ${lines.join("\n  ")}`,
          actual: lines,
          expected: [],
        });
      },
    };
  }

  #path({ stimuli, endsIn }: Found): Path {
    const title = stimuli.map(stimulusText).join(", ");
    return {
      title,
      stimuli,
      endsIn,
      run: async () => {
        const { blueprint, others } = this.#repertoire;
        const own = new Repertoire(blueprint, others);
        const { job, world } = await walked(own, stimuli, this.#options);
        if (job.state !== endsIn)
          throw new AssertionError({
            message: `The path "${title}" went another way this time: code of the blueprint is not deterministic.`,
            actual: job.state,
            expected: endsIn,
          });
        return { job, world };
      },
    };
  }
}

/** What tells two situations of a job apart: what may happen next, and how guards may decide. */
function situationOf({ envelope }: TestJob): string {
  const { status, value, context, history, children, timers } = envelope;
  const running = Object.entries(children).map(([id, { src, settled, parts = {} }]) => [
    id,
    src,
    settled,
    // What has come of tasks at once; which of them it was makes no difference.
    Object.values(parts).map((part) => (part as { readonly status: string }).status),
  ]);
  return JSON.stringify([status, value, context, history, running, Object.keys(timers)]);
}

/** The paths without those that the others make needless, longest first: the long ones cover most. */
function withoutNeedless(found: readonly Found[], model: Model): readonly Found[] {
  const known = new Set([...model.states, ...model.transitions.keys()]);
  const covered = new Set<string>();
  const kept: Found[] = [];
  for (const one of found.toSorted((a, b) => b.stimuli.length - a.stimuli.length)) {
    const all = [...one.covered.states, ...one.covered.transitions];
    const news = all.filter((id) => known.has(id) && !covered.has(id));
    if (news.length === 0) continue;
    for (const id of news) covered.add(id);
    kept.push(one);
  }
  return kept.toReversed();
}

/** Go a path in a new world. */
async function walked(
  repertoire: Repertoire,
  stimuli: readonly Stimulus[],
  options: PathOptions<AnyStateMachine, unknown>,
) {
  const { limits, settleMs, startAt, outcomes = {} } = options;
  const oracle = new Oracle(outcomes);
  const world = await TestWorld.open<AnyStateMachine, unknown>(repertoire, {
    ...(limits && { limits }),
    ...(settleMs !== undefined && { settleMs }),
    ...(startAt !== undefined && { startAt }),
    tasks: promisesOf(repertoire.blueprint, oracle),
  });
  let job: TestJob | undefined;
  for (const stimulus of stimuli) {
    oracle.begin(stimulus.choices ?? []);
    job = await apply(world, job, stimulus);
  }
  const last = stimuli.at(-1)!;
  const otherChoices = oracle
    .others()
    .map((choices): readonly Stimulus[] => [...stimuli.slice(0, -1), { ...last, choices }]);
  return { job: job!, world, otherChoices };
}

/** Promises that wait for the path to end them, and those inside the turn, which ask how they shall end. */
function promisesOf({ machine }: Blueprint, oracle: Oracle): Readonly<Record<string, Script>> {
  const scripts = Object.keys(machine.implementations.actors as object).flatMap(
    (src): [string, Script][] => {
      const kind = actorKind(machine, src);
      if (kind.kind !== "promise") return [];
      return [[src, kind.inTurn ? () => oracle.ask(src) : byHand]];
    },
  );
  return Object.fromEntries(scripts);
}

/** Decides how the promises inside a turn end, and remembers which other decisions there were. */
class Oracle {
  readonly #outcomes: Readonly<Record<string, readonly Told[] | undefined>>;
  #given: readonly number[] = [];
  /** How many outcomes each call of the last stimulus had to choose from. */
  #asked: number[] = [];

  constructor(outcomes: Readonly<Record<string, readonly Told[] | undefined>>) {
    this.#outcomes = outcomes;
  }

  begin(choices: readonly number[]): void {
    this.#given = choices;
    this.#asked = [];
  }

  ask(src: string): Told {
    const told = withFailure(this.#outcomes[src] ?? [reply(undefined)]);
    const choice = this.#given[this.#asked.length] ?? 0;
    this.#asked.push(told.length);
    return told[choice]!;
  }

  /** The decisions that were not given, each changed alone. */
  others(): readonly (readonly number[])[] {
    return this.#asked.flatMap((count, call) => {
      if (call < this.#given.length) return [];
      const before = Array.from({ length: call }, (_, index) => this.#given[index] ?? 0);
      return Array.from({ length: count - 1 }, (_, other) => [...before, other + 1]);
    });
  }
}
