// What the compiler knows of a blueprint, for tests of it: its events, context, states, and the actors it invokes.
import type {
  AnyStateMachine,
  ContextFrom,
  EventFrom,
  OutputFrom,
  PromiseActorLogic,
  StateMachine,
  StateValueFrom,
} from "xstate";
import type { SentEvent } from "../actor/effect.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import type { jobDefinition, JobLogic } from "../blueprint/job.ts";
import type { TaskOutput, TaskParams, TaskProgressOf, taskDefinition } from "../blueprint/task.ts";
import type { Script } from "./script.ts";

type IsAny<T> = 0 extends 1 & T ? true : false;

/** `setup({ actors })` of a machine, as a union of `{ src, logic }`. */
type ActorsOf<Machine extends AnyStateMachine> =
  Machine extends StateMachine<
    infer _Context,
    infer _Event,
    infer _Children,
    infer Actor,
    infer _Action,
    infer _Guard,
    infer _Delay,
    infer _Value,
    infer _Tag,
    infer _Input,
    infer _Output,
    infer _Emitted,
    infer _Meta,
    infer _Schema,
    infer _TransitionMeta
  >
    ? Actor
    : never;

/** Names by which a machine knows what it invokes; any name where the compiler does not know the machine. */
export type ActorName<Machine extends AnyStateMachine> =
  IsAny<ActorsOf<Machine>> extends true ? string : ActorsOf<Machine>["src"] & string;

type LogicOf<Machine extends AnyStateMachine, Name> =
  IsAny<ActorsOf<Machine>> extends true
    ? undefined
    : Extract<ActorsOf<Machine>, { readonly src: Name }>["logic"];

type ScriptFor<Logic> = typeof taskDefinition extends keyof Logic
  ? Script<TaskParams<Logic>, TaskOutput<Logic>, TaskProgressOf<Logic>>
  : Logic extends JobLogic<infer Input, infer Output, never>
    ? Script<Input, Output>
    : Logic extends PromiseActorLogic<infer Output, infer Input>
      ? Script<Input, Output>
      : Script;

/** A script for each actor that a machine invokes, by its name in `setup({ actors })`. */
export type ScriptsFor<Machine extends AnyStateMachine> = {
  readonly [Name in ActorName<Machine>]?: ScriptFor<LogicOf<Machine, Name>>;
};

/** What an actor gives back. */
export type ActorOutput<Machine extends AnyStateMachine, Name> =
  LogicOf<Machine, Name> extends infer Logic
    ? typeof taskDefinition extends keyof Logic
      ? TaskOutput<Logic>
      : typeof jobDefinition extends keyof Logic
        ? OutputFrom<Logic>
        : unknown
    : never;

/** What an actor is given. */
export type ActorParams<Machine extends AnyStateMachine, Name> =
  LogicOf<Machine, Name> extends infer Logic
    ? typeof taskDefinition extends keyof Logic
      ? TaskParams<Logic>
      : unknown
    : never;

/** Events that a job of the machine takes. */
export type EventOf<Machine extends AnyStateMachine> =
  IsAny<EventFrom<Machine>> extends true ? SentEvent : EventFrom<Machine>;

export type ContextOf<Machine extends AnyStateMachine> =
  IsAny<ContextFrom<Machine>> extends true ? unknown : ContextFrom<Machine>;

export type OutputOf<Machine extends AnyStateMachine> =
  IsAny<OutputFrom<Machine>> extends true ? unknown : OutputFrom<Machine>;

type PathIn<Value> = string extends Value
  ? string
  : Value extends string
    ? Value
    : {
        [Key in keyof Value & string]: Key | `${Key}.${PathIn<NonNullable<Value[Key]>>}`;
      }[keyof Value & string];

/** The dotted path of a state, leaf or not: `approval.open.clerk`, `approval`. */
export type StatePath<Machine extends AnyStateMachine> =
  IsAny<StateValueFrom<Machine>> extends true ? string : PathIn<StateValueFrom<Machine>>;

/** What a job of the blueprint is started with. */
export type InputOf<B extends Blueprint> = B extends Blueprint<infer Input> ? Input : never;
export type MachineOf<B extends Blueprint> = B["machine"];
