// Runs one test of the SCXML suite: the same machine through the kernel's jobs, and live.
import type { AnyMachineSnapshot, AnyStateMachine, StateValue } from "xstate";
import { currentState } from "../../../src/actor/current-state.ts";
import { Cluster, rootId } from "../cluster.ts";
import { LiveActor } from "../live-actor.ts";
import { plainId } from "./convert.ts";
import type { Script } from "./suite.ts";

export interface Run {
  /** What the script found otherwise than it expects; absent where it passed. */
  readonly failure?: string;
  /** Where the root was and what it knew, each time that changed. */
  readonly trace: readonly string[];
}

interface Side {
  readonly configuration: () => string;
  readonly send: (type: string) => void;
  /** Let time pass up to then. */
  readonly advance: (until: number) => void;
  readonly close: () => void;
}

export function runDurably(machine: AnyStateMachine, script: Script): Run {
  const trace = new Trace();
  return run(script, trace, () => {
    const cluster = new Cluster(machine, {
      stepped: ({ jobId, envelope }) => {
        if (jobId === rootId) trace.add(envelope);
      },
    });
    return {
      configuration: () => configuration(cluster.envelope().value),
      send: (type) => cluster.take({ type: "event", event: { type } }),
      advance: (until) => cluster.advance(until),
      close: () => {},
    };
  });
}

export function runLive(machine: AnyStateMachine, script: Script): Run {
  const trace = new Trace();
  return run(script, trace, () => {
    const live = new LiveActor(machine, { stepped: (snapshot) => trace.add(snapshot) });
    return {
      configuration: () => configuration(live.snapshot.value),
      send: (type) => live.send({ type }),
      advance: (until) => live.advance(until),
      close: () => live.close(),
    };
  });
}

function run(script: Script, trace: Trace, start: () => Side): Run {
  try {
    const side = start();
    const failure = follow(script, trace, side);
    side.close();
    return { trace: trace.lines, ...(failure !== undefined && { failure }) };
  } catch (error) {
    return { trace: trace.lines, failure: error instanceof Error ? error.message : String(error) };
  }
}

/** @returns the first difference from what the script expects. */
function follow(script: Script, trace: Trace, side: Side): string | undefined {
  const differs = (when: string, found: string, expected: readonly string[]) => {
    const wanted = expected.map(plainId).toSorted().join(",");
    return found === wanted ? undefined : `${when}: in ${found}, not in ${wanted}`;
  };
  // What the first step sends is not part of it.
  const first = differs("at first", trace.initial, script.initialConfiguration);
  if (first !== undefined) return first;
  let now = 0;
  for (const [index, { after = 0, event, nextConfiguration }] of script.events.entries()) {
    now += after;
    side.advance(now);
    side.send(event.name);
    const when = `after event ${index + 1}, ${event.name}`;
    const found = differs(when, side.configuration(), nextConfiguration);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The active states that have none inside, by the last part of their path. */
function configuration(value: StateValue): string {
  const leaves = currentState(value).split(",");
  return leaves
    .map((path) => path.slice(path.lastIndexOf(".") + 1))
    .toSorted()
    .join(",");
}

type Step = Pick<AnyMachineSnapshot, "status" | "value"> & { readonly context: unknown };

class Trace {
  readonly lines: string[] = [];
  /** The configuration after the first step. */
  initial = "";

  add({ status, value, context }: Step): void {
    if (this.lines.length === 0) this.initial = configuration(value);
    const line =
      status === "error" ? status : `${status} ${currentState(value)} ${JSON.stringify(context)}`;
    if (line !== this.lines.at(-1)) this.lines.push(line);
  }
}
