// The two sides of a differential run, and what of each must be the same: states, contexts, children, timers, deeds.
import type { AnyMachineSnapshot, AnyStateMachine } from "xstate";
import type { Envelope } from "../../src/actor/envelope.ts";
import { Cluster, rootId, type Commit } from "./cluster.ts";
import { LiveActor } from "./live-actor.ts";

/** What must be the same on both sides after every input. */
export interface View {
  readonly root: ActorView;
  /** Not those for children: for one that has settled XState sets timers, and the kernel none. */
  readonly due: readonly number[];
  readonly told: Readonly<Record<string, readonly string[]>>;
}

interface ActorView {
  readonly status: string;
  readonly value?: unknown;
  readonly context?: unknown;
  readonly history?: Readonly<Record<string, readonly string[]>>;
  /** A machine that runs, or undefined for a task and for what has ended. */
  readonly children?: Readonly<Record<string, ActorView | undefined>>;
}

/** What each actor did: actions executed, and types emitted. XState emits after a step's actions, so those are two lists. */
export class Told {
  readonly #byActor = new Map<string, string[]>();

  add(machineId: string, actorId: string, what: string): void {
    const key = Told.key(machineId, actorId);
    const list = this.#byActor.get(key);
    if (list === undefined) this.#byActor.set(key, [what]);
    else list.push(what);
  }

  static key(machineId: string, actorId: string): string {
    return `${machineId} ${actorId}`;
  }

  /** Without actors that failed: a job does nothing of a step that fails, and live some is done. */
  without(failed: ReadonlySet<string>): Record<string, readonly string[]> {
    return Object.fromEntries([...this.#byActor].filter(([key]) => !failed.has(key)));
  }
}

interface Side {
  readonly told: Told;
  root: () => ActorView;
  due: () => readonly number[];
}

export function viewOf(side: Side, failed: ReadonlySet<string>): View {
  const root = side.root();
  return {
    root,
    due: root.status === "active" ? side.due() : [],
    told: root.status === "error" ? {} : side.told.without(failed),
  };
}

/** The kernel, with nothing but texts between two steps. */
export class KernelSide implements Side {
  readonly cluster: Cluster;
  readonly told = new Told();
  /** Children that failed, as `Told` names them. */
  readonly failed = new Set<string>();
  /** Why the two can't be compared any more, as `docs/semantics.md` says. */
  parted: "orphans" | "late_completion" | undefined;
  /** The order of some messages was nobody's, so a difference need not be one of meaning. */
  hasRaced = false;
  steps = 0;
  childJobs = 0;

  constructor(machine: AnyStateMachine) {
    this.cluster = new Cluster(machine, {
      stepped: (commit) => this.#count(commit),
      fenced: ({ type }) => {
        if (type !== "timer") this.parted = "late_completion";
      },
      raced: () => {
        this.hasRaced = true;
      },
    });
  }

  #count({ jobId, envelope, effects }: Commit): void {
    const { blueprint, status, revision, parent } = envelope;
    const actorId = parent?.child ?? "";
    const isRoot = jobId === rootId;
    this.steps++;
    if (revision === 1 && !isRoot) this.childJobs++;
    if (status === "error" && !isRoot) {
      this.failed.add(Told.key(blueprint, actorId));
      if (effects.some(({ type }) => type === "stop_child")) this.parted = "orphans";
    }
    for (const effect of effects) {
      if (effect.type === "action") this.told.add(blueprint, actorId, effect.action);
      // Nobody listens to what a child emits, live or here.
      if (effect.type === "emit" && isRoot) this.told.add(blueprint, "emitted", effect.event.type);
    }
  }

  root(): ActorView {
    return this.#view(this.cluster.envelope());
  }

  due(): readonly number[] {
    return this.cluster.dueNotToChildren();
  }

  #view({ jobId, status, value, context, history = {}, children }: Envelope): ActorView {
    if (status === "error") return { status };
    if (status !== "active") return { status, value, context };
    const kids = Object.fromEntries(this.cluster.childJobs(jobId));
    const views = Object.keys(children).map((id) => {
      const kid = kids[id];
      return [id, kid && this.#view(kid)] as const;
    });
    return { status, value, context, history, children: sorted(views) };
  }
}

/** The live interpreter. */
export class LiveSide implements Side {
  readonly actor: LiveActor;
  readonly told: Told;

  /** @param told what the machine's actions tell is added to. */
  constructor(machine: AnyStateMachine, told: Told) {
    this.told = told;
    this.actor = new LiveActor(machine, {
      emitted: ({ type }) => told.add(machine.id, "emitted", type),
    });
  }

  root(): ActorView {
    return liveView(this.actor.snapshot);
  }

  due(): readonly number[] {
    return this.actor.clock.dueNotToChildren();
  }
}

function liveView(snapshot: AnyMachineSnapshot): ActorView {
  const { status, value, context, historyValue } = snapshot;
  if (status === "error") return { status };
  if (status !== "active") return { status, value, context };
  const history = Object.fromEntries(
    Object.entries(historyValue).map(([id, nodes]) => [id, nodes.map((node) => node.id)]),
  );
  const children = snapshot.children as Record<string, { getSnapshot: () => AnyMachineSnapshot }>;
  const views = Object.entries(children).map(([id, child]) => {
    const inner = child.getSnapshot();
    const isRunning = "value" in inner && inner.status === "active";
    return [id, isRunning ? liveView(inner) : undefined] as const;
  });
  return { status, value, context, history, children: sorted(views) };
}

const sorted = <T>(entries: readonly (readonly [string, T])[]): Record<string, T> =>
  Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
