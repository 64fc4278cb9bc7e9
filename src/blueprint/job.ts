// Another job as a machine sees it: `job()` is actor logic that stands for a job of its own.
import type { ActorLogic, AnyActorScope, AnyEventObject, EventObject, Snapshot } from "xstate";
import { z } from "zod";
import { childTraits, type ChildTraits } from "../actor/child-traits.ts";
import { RuntimeError } from "../errors.ts";
import type { Blueprint } from "./blueprint.ts";
import { inertLogic } from "./inert-logic.ts";
import type { MustBeJson } from "./json-type.ts";

/**
 * What becomes of a child job when its parent leaves it, by ending or by leaving the state that invoked it: `cancel` cancels it,
 * `await` lets it end before the parent does, `abandon` lets it go on by itself.
 */
export type ParentClose = "cancel" | "await" | "abandon";
export const parentCloses = ["cancel", "await", "abandon"] as const satisfies ParentClose[];

export interface JobOptions {
  /** `cancel` where absent. */
  readonly parentClose?: ParentClose;
}

/** What a child job is, at run time. */
export interface JobDefinition {
  readonly blueprint: string;
  /** The newest that the server has when the job starts, where absent. */
  readonly version?: string;
  readonly input: z.ZodType;
  readonly output: z.ZodType;
  readonly parentClose: ParentClose;
}

/** One wish for a job, as it goes to the outbox. */
export interface JobRequest {
  readonly blueprint: string;
  readonly version?: string;
  readonly input: unknown;
}

/** Marks job logic. Registered, so that two copies of this package understand each other. */
export const jobDefinition = Symbol.for("avtomatika.job");

/**
 * Actor logic of a child job: `Input` is what `invoke.input` must give, `Output` what `event.output` is, `Event` what
 * it takes. An interface, so that declaration files can name it.
 */
export interface JobLogic<
  Input,
  Output,
  Event extends EventObject = AnyEventObject,
> extends ActorLogic<Snapshot<Output>, Event, Input, AnyActorScope["system"], EventObject> {
  readonly [jobDefinition]: JobDefinition;
  readonly [childTraits]: ChildTraits;
}

/**
 * Let a machine run a job of another blueprint.
 *
 * Use the result as an actor: `setup({ actors: { resize: job(resizeBlueprint) } })`. Invoking it starts a job of its own, on
 * whatever shard and node. Its output arrives as `onDone`'s `event.output`; that it failed or was cancelled
 * arrives as `onError`. `sendTo` it, and let it `sendParent`: such events arrive exactly once and in order.
 *
 * @param blueprint The blueprint, which pins its version, or the name of one that the server will have.
 * @param definition With a name: schemas of `input` and `output`, and where wanted the `version`. With either: `parentClose`.
 * @throws RuntimeError `blueprint.invalid` for options that cannot be meant.
 */
export function job<Input, Output, Event extends EventObject>(
  blueprint: Blueprint<Input, Output, Event>,
  definition?: JobOptions,
): JobLogic<Input, Output, Event>;
export function job<Input extends z.ZodType, Output extends z.ZodType>(
  blueprint: string,
  definition: {
    readonly input: Input & MustBeJson<z.input<Input>>;
    readonly output: Output & MustBeJson<z.output<Output>>;
    readonly version?: string;
  } & JobOptions,
): JobLogic<z.input<Input>, z.output<Output>>;
export function job(
  blueprint: string | Blueprint,
  definition: Partial<JobDefinition> = {},
): JobLogic<unknown, unknown> {
  const { parentClose = "cancel" } = definition;
  const named = typeof blueprint === "string" ? { version: definition.version } : blueprint;
  const name = typeof blueprint === "string" ? blueprint : blueprint.name;
  const { version } = named;
  if (!parentCloses.includes(parentClose))
    throw new RuntimeError(
      "blueprint.invalid",
      `job("${name}"): parentClose is one of ${parentCloses.join(", ")}, not "${String(parentClose)}".`,
      { blueprint: name },
    );
  return {
    [jobDefinition]: {
      blueprint: name,
      ...(version !== undefined && { version }),
      input: (typeof blueprint === "string" ? definition.input : blueprint.input) ?? z.unknown(),
      output: definition.output ?? z.unknown(),
      parentClose,
    },
    [childTraits]: parentClose === "await" ? { isAwaited: true } : {},
    ...inertLogic(`A job of "${name}" is a job of its own; it cannot be started in this process.`),
  };
}
