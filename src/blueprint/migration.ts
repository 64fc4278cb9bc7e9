// How jobs of one version go on as another: a blueprint maps their states and contexts, and this makes the step of it.
import type { AnyStateMachine, StateValue } from "xstate";
import { activeStates } from "../actor/active-states.ts";
import { encodeEnvelope } from "../actor/codec.ts";
import { fromData, toData, type ActorMark } from "../actor/data.ts";
import type { Message } from "../actor/effect.ts";
import type { Envelope } from "../actor/envelope.ts";
import type { Blueprint } from "./blueprint.ts";
import { incompatibilities, type Incompatibility } from "./compatibility.ts";
import type { FlowContext } from "./flow-handler.ts";
import { standingOf, workOf } from "./standing.ts";
import { mappedHistory, mappedPaths, mappedValue, type StateMap } from "./state-map.ts";

/** How jobs of one earlier version become jobs of the version that says so. */
export interface Migration {
  /** The version that they come from. */
  readonly from: string;
  /**
   * States that have another name or place by now, by their dotted paths: `{ "open.clerk": "review.clerk" }`. What is inside a
   * state that is named goes along. A list puts the job into several regions. States that are not named keep their paths.
   */
  readonly states?: StateMap;
  /**
   * The context of a job, made of that which it has. Of a flow: its `initialData` and `stateHistory`. Must only compute: what
   * it gives is kept, and nothing else of what it does.
   *
   * @throws whatever it likes for a job that cannot go on: that one stays as it is.
   */
  readonly context?: (context: never) => unknown;
}

/** Why a job stays as it is. */
export interface MigrationProblem {
  readonly code:
    | Incompatibility["code"]
    | "state_final"
    | "state_illegal"
    | "mapping_threw"
    /** Code of the machine threw: an input, a delay, a guard. */
    | "machine_threw";
  readonly state: string;
  readonly message: string;
}

export type MigrationPlan =
  | { readonly message: Message & { readonly type: "migrate" } }
  | { readonly problems: readonly MigrationProblem[] };

/**
 * What makes a job of one version one of another.
 *
 * Where the blueprint has a migration from there, that maps the job; what the map leaves open begins at its initial states. Where
 * it has none, a job is taken as it is, and only if every part of it has its place.
 *
 * @param from what the job runs; undefined where that is not there any more, or has another shape by now.
 * @param by who asks, for the record.
 */
export function planMigration(
  envelope: Envelope,
  from: Blueprint | undefined,
  to: Blueprint,
  by: string,
): MigrationPlan {
  const migration = to.migrate?.find((one) => one.from === envelope.version);
  const problems = migration ? [] : incompatibilities(to, standingOf(envelope, from));
  if (problems.length > 0) return { problems };
  const { states = {} } = migration ?? {};
  const mapped = mappedValue(to.machine.root, envelope.value, states);
  if ("problems" in mapped) return mapped;
  let context: unknown;
  try {
    context = mappedContext(envelope.context, migration, to);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { problems: [{ code: "mapping_threw", state: "", message }] };
  }
  const { version, shape, history: before = {} } = envelope;
  const history = mappedHistory(to.machine, from?.machine, before, states);
  const goesOn: Envelope = {
    ...envelope,
    version: to.version,
    shape: to.fingerprint.shape,
    value: mapped.value,
    context,
    history,
    children: {},
    timers: {},
  };
  return {
    message: {
      type: "migrate",
      from: { version, shape },
      envelope: encodeEnvelope(goesOn),
      ...carriedOver(envelope, from, to, mapped.value, states),
      by,
    },
  };
}

function mappedContext(context: unknown, migration: Migration | undefined, to: Blueprint): unknown {
  const { states = {} } = migration ?? {};
  const map = (migration?.context ?? ((same: unknown) => same)) as (context: unknown) => unknown;
  if (to.style === "flow") {
    const flow = context as FlowContext;
    const { initialData, stateHistory } = flow;
    const given = map(structuredClone({ initialData, stateHistory })) as Partial<FlowContext>;
    const renamed = (state: string): string => [states[state] ?? state].flat()[0]!;
    const { transitions, aggregation } = flow;
    return toData(
      {
        ...flow,
        initialData: given.initialData ?? initialData,
        stateHistory: given.stateHistory ?? stateHistory,
        transitions: Object.fromEntries(
          Object.entries(transitions).map(([outcome, state]) => [outcome, renamed(state)]),
        ),
        aggregation: aggregation && { ...aggregation, into: renamed(aggregation.into) },
      },
      "context",
    );
  }
  // References to actors go through the map as they are.
  const marks = new Map<unknown, ActorMark>();
  const own = fromData(context, (mark) => {
    const reference = { id: mark.actor, sessionId: mark.actor, send: refuseSend, ref: null };
    marks.set(reference, mark);
    return reference;
  });
  return toData(map(own), "context", (reference) => marks.get(reference)!);
}

function refuseSend(): never {
  throw new Error("A migration cannot send events.");
}

/** Which children go on, and which delays begin. */
function carriedOver(
  envelope: Envelope,
  from: Blueprint | undefined,
  to: Blueprint,
  value: StateValue,
  states: StateMap,
): Pick<Message & { readonly type: "migrate" }, "keeps" | "begins"> {
  const standing = standingOf(envelope, from);
  const { nodes } = activeStates(to.machine, value);
  const wanted = new Map(nodes.flatMap(({ invoke }) => invoke.map(({ id, src }) => [id, src])));
  const everInvoked = invokedIds(to.machine);
  const goesOn = ({ id, src, settled, invoked, work }: (typeof standing.children)[number]) => {
    const place = wanted.get(id);
    const isSpawned = place === undefined && !(invoked ?? everInvoked.has(id));
    if (settled) return isSpawned || place !== undefined;
    const is = workOf(to, typeof place === "string" ? place : src);
    const isSame = work === undefined || work === is;
    // Promises are code of their version: one that a state invokes is started again as this version has it.
    if (isSpawned) return isSame;
    return place === src && isSame && !is.startsWith("promise ");
  };
  const known = new Set([...Object.keys(envelope.timers), ...(standing.delays ?? [])]);
  const delays = nodes.flatMap((node) => node.after.map((one) => ({ ...one, node })));
  const before = from ? activeStates(from.machine, envelope.value).nodes : [];
  /** Of the same delay in the state that has become this one. */
  const dueBefore = ({ node, delay }: (typeof delays)[number]): number | undefined => {
    const path = node.path.join(".");
    const was = before
      .filter((one) => mappedPaths(one.path.join("."), states).includes(path))
      .flatMap(({ after }) => after)
      .find((one) => one.delay === delay);
    return was && envelope.timers[was.eventType]?.[0]?.due;
  };
  return {
    keeps: standing.children.filter(goesOn).map(({ id }) => id),
    begins: delays
      .filter(({ eventType }) => !known.has(eventType))
      .map((one) => {
        const due = dueBefore(one);
        return { event: one.eventType, ...(due !== undefined && { due }) };
      }),
  };
}

function invokedIds(machine: AnyStateMachine): ReadonlySet<string> {
  const ids = new Set<string>();
  const nodes = [machine.root];
  for (const node of nodes) {
    for (const { id } of node.invoke) ids.add(id);
    nodes.push(...Object.values(node.states));
  }
  return ids;
}
