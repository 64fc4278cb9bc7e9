// A blueprint: a machine with a name and a version, from which jobs are started.
import type { AnyStateMachine, EventFromLogic, EventObject, InputFrom, OutputFrom } from "xstate";
import { z } from "zod";
import { RuntimeError } from "../errors.ts";
import { isEventName, type DeclaredEvents } from "./declared-event.ts";
import { fingerprint, type Fingerprint } from "./fingerprint.ts";
import type { Migration } from "./migration.ts";
import { nodeAt } from "./state-map.ts";
import { targetProblems } from "./targets.ts";

/** Marks blueprints. Registered, so that two copies of this package understand each other. */
const blueprintMark = Symbol.for("avtomatika.blueprint");

/**
 * `Input`, `Output` and `Event` are what a job of it is started with (before the schema's defaults), gives and takes;
 * `Machine` is what it runs.
 */
export interface Blueprint<
  Input = unknown,
  Output = unknown,
  Event extends EventObject = EventObject,
  Machine extends AnyStateMachine = AnyStateMachine,
> {
  readonly [blueprintMark]: true;
  /** Only for the compiler. */
  readonly "~types"?: { readonly input: Input; readonly output: Output; readonly event: Event };
  readonly name: string;
  /** Compared number by number: `10` is newer than `9`, `1.10` newer than `1.9`. */
  readonly version: string;
  readonly style: "native" | "flow";
  readonly machine: Machine;
  /** What a job may be started with; anything where absent. */
  readonly input?: z.ZodType;
  /** Under which a job is started, with a leading slash: `/jobs/test`. */
  readonly endpoint?: string;
  /** `v1` → `POST /api/v1/jobs/test`; absent → `POST /api/jobs/test`. */
  readonly apiVersion?: string;
  /** How long a job is kept once it has ended, in milliseconds; as the server is configured where absent. */
  readonly retentionMs?: number | "forever";
  readonly fingerprint: Fingerprint;
  /** Events that are kept where no state takes them yet, and how many at most. */
  readonly defer?: { readonly events: readonly string[]; readonly max: number };
  /** What events say, where that is declared: one that a client or a worker sends has to fit. */
  readonly events?: DeclaredEvents;
  /** How jobs of earlier versions become jobs of this one. */
  readonly migrate?: readonly Migration[];
}

/** Events that may come before a state that wants them. */
export interface DeferOptions {
  /** Their types. Where no active state takes such an event it is kept, and offered again after every step. */
  readonly defer?: readonly string[];
  /**
   * How many are kept at once, 100 where absent. A client's further one is refused, and may be sent again later. Of other
   * jobs 1,000 more are kept, and one that is beyond that ends the job in the error `job.too_many_deferred`.
   */
  readonly deferMax?: number;
}

/** Where and how jobs of a blueprint are started over HTTP. */
export interface BlueprintAddress {
  /** Such as `/jobs/test`. */
  readonly endpoint?: string;
  /** Such as `v1`, which makes it `POST /api/v1/jobs/test`. */
  readonly apiVersion?: string;
}

/** What a blueprint of either style may say besides. */
export interface BlueprintSettings extends BlueprintAddress {
  /**
   * How long a job is kept in the live store once it has ended, in milliseconds, at least 1000, or `forever`. What the
   * server is configured with (`JOB_RETENTION_SECONDS`) where absent. Jobs in quarantine are always kept.
   */
  readonly retentionMs?: number | "forever";
  /** How jobs of earlier versions become jobs of this one, when somebody migrates them. One for each of those versions. */
  readonly migrate?: readonly Migration[];
}

/** `unknown` where the machine takes what the schema parses to; unsatisfiable otherwise. */
type AcceptedBy<Machine extends AnyStateMachine, Parsed> =
  Parsed extends InputFrom<Machine>
    ? unknown
    : { ERROR: "the machine does not take this input"; machine: InputFrom<Machine> };

/** What a job is started with: what the schema takes where there is one, else what the machine does. */
type GivenTo<Machine extends AnyStateMachine, Given> = unknown extends Given
  ? InputFrom<Machine>
  : Given;

/**
 * Make a blueprint of a native machine.
 *
 * @param name What clients call it.
 * @param definition The `version`, the `machine`, and where wanted the schema of its `input` (the machine is
 * given what the schema parses to), the schemas of `events` (of what they say besides their type: an event that a client or a
 * worker sends is refused unless it fits, with `event.invalid`), the `endpoint` and `apiVersion` under which jobs are started, the events to `defer`,
 * `retentionMs`, how long jobs are kept once they have ended, and `migrate`, how jobs of earlier versions become jobs of this one.
 * @throws RuntimeError `blueprint.invalid`
 */
export function blueprint<Machine extends AnyStateMachine, Input extends z.ZodType = z.ZodType>(
  name: string,
  definition: {
    readonly version: string;
    readonly machine: Machine;
    readonly input?: Input & AcceptedBy<Machine, z.output<Input>>;
    readonly events?: Readonly<Partial<Record<EventFromLogic<Machine>["type"], z.ZodType<object>>>>;
  } & BlueprintSettings &
    DeferOptions,
): Blueprint<
  GivenTo<Machine, z.input<Input>>,
  OutputFrom<Machine>,
  EventFromLogic<Machine>,
  Machine
> {
  return makeBlueprint("native", name, definition) as Blueprint<never, never, never, Machine>;
}

/** The blueprint of a machine in either style. */
export function makeBlueprint(
  style: Blueprint["style"],
  name: string,
  definition: {
    readonly version: string;
    readonly machine: AnyStateMachine;
    readonly input?: z.ZodType;
    readonly events?: Readonly<Record<string, z.ZodType | undefined>>;
  } & BlueprintSettings &
    DeferOptions,
): Blueprint<never, never, never> {
  const {
    version,
    machine,
    input,
    events,
    endpoint,
    apiVersion,
    retentionMs,
    migrate,
    defer,
    deferMax,
  } = checked(name, definition);
  return {
    [blueprintMark]: true,
    name,
    version,
    style,
    machine,
    ...(input && { input }),
    ...(events && { events }),
    ...(endpoint !== undefined && { endpoint }),
    ...(apiVersion !== undefined && { apiVersion }),
    ...(retentionMs !== undefined && { retentionMs }),
    fingerprint: fingerprint(machine),
    ...(migrate && { migrate }),
    ...(defer && { defer: { events: defer, max: deferMax } }),
  };
}

export function isBlueprint(value: unknown): value is Blueprint {
  return typeof value === "object" && value !== null && blueprintMark in value;
}

const name = z.string().regex(/^[A-Za-z][\w.-]{0,127}$/, {
  error: "a name begins with a letter, and goes on with letters, digits, _, - and .",
});
const version = z.string().regex(/^[\w.+-]{1,64}$/, {
  error: "a version is made of letters, digits, _, -, + and ., such as 1 or 2.0.1",
});
const endpoint = z.string().regex(/^(\/?[\w.~-]+)(\/[\w.~-]+)*$/, {
  error: "an endpoint is a plain path such as /jobs/test",
});
const apiVersion = z.string().regex(/^[\w.-]{1,32}$/, {
  error: "an API version is one path segment such as v1",
});
const MigrationShape = z.strictObject({
  from: version,
  states: z.record(z.string(), z.union([z.string(), z.array(z.string()).min(1)])).exactOptional(),
  context: z
    .custom<Exclude<Migration["context"], undefined>>((value) => typeof value === "function", {
      error: "context is a function of the context",
    })
    .exactOptional(),
});
const Definition = z.object({
  name,
  version,
  machine: z.custom<AnyStateMachine>(
    (value) =>
      typeof (value as Partial<AnyStateMachine> | undefined)?.getStateNodeById === "function",
    { error: "machine is what setup(…).createMachine(…) returns" },
  ),
  input: z
    .custom<z.ZodType>((value) => value instanceof z.ZodType, { error: "input is a zod schema" })
    .optional(),
  events: z
    .record(
      z.string().refine(isEventName, {
        error: "events names those of clients and workers by their whole names",
      }),
      z.custom<z.ZodType>((value) => value instanceof z.ZodType, {
        error: "events gives each a zod schema",
      }),
    )
    .optional(),
  endpoint: endpoint.transform((path) => (path.startsWith("/") ? path : `/${path}`)).optional(),
  apiVersion: apiVersion.optional(),
  retentionMs: z
    .union([z.int().min(1000), z.literal("forever")], {
      error: 'retentionMs is a whole number of at least 1000, or "forever"',
    })
    .optional(),
  defer: z
    .array(
      z
        .string()
        .min(1)
        .refine((type) => !/^(xstate|flow)\.|\*/.test(type), {
          error: "defer lists the events of clients and jobs by their whole names",
        }),
    )
    .min(1)
    .optional(),
  deferMax: z.int().positive().max(10_000).default(100),
  migrate: z.array(MigrationShape).optional(),
});

function checked(blueprintName: string, definition: object): z.infer<typeof Definition> {
  const parsed = Definition.safeParse({ ...definition, name: blueprintName });
  const problems = parsed.success
    ? [
        ...targetProblems(parsed.data.machine).map((problem) => `machine: ${problem}`),
        ...migrationProblems(parsed.data),
      ]
    : parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  if (parsed.success && problems.length === 0) return parsed.data;
  throw new RuntimeError(
    "blueprint.invalid",
    `Blueprint "${blueprintName}" cannot be used: ${problems.join("; ")}.`,
    { blueprint: blueprintName, problems },
  );
}

/** Migrations that can't be meant: two from one version, one from this version, and states that are not there. */
function migrationProblems({
  version: own,
  machine,
  migrate = [],
}: z.infer<typeof Definition>): readonly string[] {
  return migrate.flatMap(({ from, states = {} }, index) => {
    const places = Object.values(states).flat();
    const isTwice = migrate.findIndex((one) => one.from === from) !== index;
    return [
      ...(from === own ? [`migrate: "${from}" is its own version`] : []),
      ...(isTwice ? [`migrate: there are two from version "${from}"`] : []),
      ...places
        .filter((place) => !nodeAt(machine.root, place))
        .map((place) => `migrate from "${from}": the machine has no state "${place}"`),
    ];
  });
}
