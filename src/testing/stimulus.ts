// What can happen to a job from outside: the edges of its model, each as data that can be done again.
import assert from "node:assert";
import type { AnyStateMachine } from "xstate";
import { activeStates } from "../actor/active-states.ts";
import type { SentEvent } from "../actor/effect.ts";
import type { Child } from "../actor/envelope.ts";
import { actorKind, type ActorKind } from "../blueprint/actor-kind.ts";
import type { FlowContext } from "../blueprint/flow-handler.ts";
import { childJobId } from "../id.ts";
import { relativeOf, type Relative } from "./family.ts";
import { fail, reply, type Told } from "./script.ts";
import { samplesOf } from "./samples.ts";
import type { TestJob } from "./test-job.ts";
import type { TestWorld } from "./test-world.ts";

export type Stimulus = (
  | { readonly kind: "start"; readonly input: unknown }
  | { readonly kind: "event"; readonly event: SentEvent }
  /** A task, a promise or a child job ends. */
  | { readonly kind: "end"; readonly actor: string; readonly child: string; readonly told: Told }
  | {
      readonly kind: "progress";
      readonly actor: string;
      readonly child: string;
      readonly data: unknown;
    }
  /** A person decides what a flow asks for. */
  | { readonly kind: "decision"; readonly decision: string }
  /** Somebody ends a child job before its time. */
  | { readonly kind: "cancel" }
  /** Time passes until the job moves. */
  | { readonly kind: "time" }
) & {
  /** It happens to a job that runs alongside: the ids of the children that lead to it. */
  readonly within?: readonly string[];
  /** Which outcomes the promises that run inside the turn have, in the order in which they are called. */
  readonly choices?: readonly number[];
};

/** Examples from which stimuli are made. */
export interface Examples {
  readonly events: Readonly<Record<string, readonly object[] | undefined>>;
  readonly outcomes: Readonly<Record<string, readonly Told[] | undefined>>;
}

/** Do it to the job, or start the job with it. */
export async function apply(
  world: TestWorld,
  job: TestJob | undefined,
  stimulus: Stimulus,
): Promise<TestJob> {
  if (stimulus.kind === "start") return world.start(stimulus.input);
  assert(job, "A path begins with a start.");
  const meant = await relativeOf(world, job, stimulus.within ?? []);
  switch (stimulus.kind) {
    case "event":
      await meant.send(stimulus.event);
      break;
    case "end":
      await meant.end(stimulus.actor, stimulus.told, stimulus.child);
      break;
    case "progress":
      await meant.progress(stimulus.actor, { data: stimulus.data }, { child: stimulus.child });
      break;
    case "decision":
      await meant.decide(stimulus.decision);
      break;
    case "cancel":
      await meant.cancel();
      break;
    case "time":
      await passTime(world, meant);
      break;
  }
  return job;
}

/** More moments than this in which a job does not move are taken for ever. */
const momentsMax = 100_000;

async function passTime(world: TestWorld, job: TestJob): Promise<void> {
  const { revision } = job.envelope;
  for (let moments = 0; moments < momentsMax && job.envelope.revision === revision; moments++)
    if (!(await world.advanceToNext())) return;
}

/** All that may happen next to a job and to those of its child jobs that run alongside. */
export function stimuliOf(
  machine: AnyStateMachine,
  family: readonly Relative[],
  examples: Examples,
): readonly Stimulus[] {
  return family.flatMap(({ within, job }) => {
    if (within.length === 0) return stimuliOfJob(machine, job, examples);
    // Its promises run their own code.
    const own = stimuliOfJob(job.machine, job, examples).filter((one) => !isOfPromise(job, one));
    return [...own, { kind: "cancel" } as const].map((one): Stimulus => ({ ...one, within }));
  });
}

function isOfPromise({ machine, envelope }: TestJob, stimulus: Stimulus): boolean {
  if (stimulus.kind !== "end") return false;
  const { src } = envelope.children[stimulus.child]!;
  return actorKind(machine, src).kind === "promise";
}

function stimuliOfJob(
  machine: AnyStateMachine,
  job: TestJob,
  examples: Examples,
): readonly Stimulus[] {
  const { status, children, timers, value } = job.envelope;
  if (status !== "active") return [];
  const open = Object.entries(children).filter(([, child]) => child.settled === undefined);
  const ends = open.flatMap(([child, about]) => endsOf(machine, job, child, about, examples));
  const { events } = activeStates(machine, value);
  const sends = events
    .filter((type) => !type.startsWith("flow."))
    .flatMap((type) => eventsOf(type, examples));
  const decisions = job.waits.flatMap((wait) =>
    wait.kind === "approval"
      ? wait.decisions.map((decision): Stimulus => ({ kind: "decision", decision }))
      : [],
  );
  const passes: Stimulus[] = Object.keys(timers).length > 0 ? [{ kind: "time" }] : [];
  return [...ends, ...sends, ...decisions, ...passes];
}

/** `*` and `order.*` take any event; one that nothing else takes stands for them. */
function eventsOf(type: string, { events }: Examples): readonly Stimulus[] {
  const sent = type === "*" ? "anything.else" : type.replace(/\.\*$/, ".anything");
  const payloads = events[type] ?? [{}];
  return payloads.map((payload) => ({ kind: "event", event: { ...payload, type: sent } }));
}

function endsOf(
  machine: AnyStateMachine,
  job: TestJob,
  child: string,
  about: Child,
  examples: Examples,
): readonly Stimulus[] {
  const kind = actorKind(machine, about.src);
  switch (kind.kind) {
    case "task":
      return taskEnds(kind, job, child, about, examples);
    case "task_list":
      return partEnds(kind, job, child, examples);
    case "job": {
      const jobId = childJobId(about.generation, about.shards);
      const name = kind.definition?.blueprint ?? job.blueprintOfChild(jobId);
      if (name === undefined || !job.isPlayed(jobId)) return [];
      const actor = kind.definition ? about.src : name;
      const samples = kind.definition ? samplesOf(kind.definition.output) : [{}];
      const guessed = samples.map((output) => reply(output));
      return ends(actor, child, examples, guessed);
    }
    case "promise":
      return kind.inTurn ? [] : ends(about.src, child, examples, [reply({})]);
    case "handler":
    case "unsupported":
      return [];
  }
}

/** The examples for the actor or the child where there are any, else what is guessed; and a failure. */
function ends(
  actor: string,
  child: string,
  { outcomes }: Examples,
  guessed: readonly Told[],
): readonly Stimulus[] {
  const told = withFailure(outcomes[actor] ?? outcomes[child] ?? guessed);
  return told.map((one): Stimulus => ({ kind: "end", actor, child, told: one }));
}

function taskEnds(
  { definition: own, declared }: Extract<ActorKind, { kind: "task" }>,
  job: TestJob,
  child: string,
  { src, generation, wantsProgress }: Child,
  examples: Examples,
): readonly Stimulus[] {
  const dispatched = job.tasks().find(({ taskId }) => taskId === generation);
  const actor = own ? src : (dispatched?.type ?? src);
  const definition = own ?? declared?.get(actor);
  const samples = definition ? samplesOf(definition.output) : [{}];
  const statuses = own ? ["success"] : statusesOf(job);
  const guessed = statuses.flatMap((status) =>
    (status === "success" ? samples : samples.slice(0, 1)).map((output) =>
      reply(output, { status }),
    ),
  );
  const found = ends(actor, child, examples, guessed);
  if (!wantsProgress) return found;
  const reports = definition?.progress ? samplesOf(definition.progress) : [{}];
  return [...found, ...reports.map((data): Stimulus => ({ kind: "progress", actor, child, data }))];
}

/** Of tasks at once, the next one of each type ends: which of them does makes no difference. */
function partEnds(
  { declared }: Extract<ActorKind, { kind: "task_list" }>,
  job: TestJob,
  child: string,
  examples: Examples,
): readonly Stimulus[] {
  const open = job.tasks().filter((task) => task.child === child && task.state === "open");
  return [...new Set(open.map(({ type }) => type))].flatMap((type) => {
    const definition = declared.get(type);
    const samples = definition ? samplesOf(definition.output) : [{}];
    return ends(
      type,
      child,
      examples,
      samples.map((output) => reply(output)),
    );
  });
}

/** Everything can fail, whether or not anybody has thought of an example. */
export function withFailure(told: readonly Told[]): readonly Told[] {
  return told.some(({ end }) => end.kind === "failure") ? told : [...told, fail()];
}

/** The outcomes for which the handler of a flow has named a transition. */
function statusesOf(job: TestJob): readonly string[] {
  const { transitions } = job.envelope.context as Partial<FlowContext>;
  return Object.keys(transitions ?? {}).filter((status) => status !== "failure");
}

/** In a few words. */
export function stimulusText(stimulus: Stimulus): string {
  const { within = [] } = stimulus;
  const whose = within.join(" ");
  if (stimulus.kind === "cancel") return `${whose} cancelled`;
  return whose === "" ? wordsOf(stimulus) : `${whose}: ${wordsOf(stimulus)}`;
}

function wordsOf(stimulus: Exclude<Stimulus, { kind: "cancel" }>): string {
  switch (stimulus.kind) {
    case "start":
      return "start";
    case "event":
      return stimulus.event.type;
    case "progress":
      return `${stimulus.child} progress`;
    case "decision":
      return `${stimulus.decision} by a person`;
    case "time":
      return "time passes";
    case "end": {
      const { end } = stimulus.told;
      const how =
        end.kind === "failure" ? end.code : end.status === "success" ? "done" : end.status;
      return `${stimulus.child} ${how}`;
    }
  }
}
