// What has changed between two shapes, in sentences for whoever has changed it.
import type { StateShape } from "./shape.ts";

/** Empty where the shapes are the same. */
export function shapeDifference(
  before: readonly StateShape[],
  after: readonly StateShape[],
): readonly string[] {
  const [old, now] = [byId(before), byId(after)];
  const sentences = [
    ...before.flatMap(({ id }) => (now.has(id) ? [] : [`${named(id, old)} is gone.`])),
    ...after.flatMap((state) => {
      const was = old.get(state.id);
      return was ? stateDifference(was, state) : [`${named(state.id, now)} is new.`];
    }),
  ];
  if (sentences.length > 0 || JSON.stringify(before) === JSON.stringify(after)) return sentences;
  return ["States or transitions stand in another order."];
}

const byId = (shape: readonly StateShape[]): ReadonlyMap<string, StateShape> =>
  new Map(shape.map((state) => [state.id, state]));

/** `Region "order.clerk" of "order"` where the parent is parallel: all of those are active at once. */
function named(id: string, shape: ReadonlyMap<string, StateShape>): string {
  const parent = id.slice(0, id.lastIndexOf("."));
  return shape.get(parent)?.kind === "parallel" && !shape.get(id)?.kind.endsWith(" history")
    ? `Region "${id}" of "${parent}"`
    : `State "${id}"`;
}

function stateDifference(was: StateShape, is: StateShape): readonly string[] {
  const kind =
    was.kind === is.kind ? [] : [`State "${is.id}" was ${was.kind}; now it is ${is.kind}.`];
  return [...kind, ...invokeDifference(was, is), ...transitionDifference(was, is)];
}

function invokeDifference(was: StateShape, is: StateShape): readonly string[] {
  const where = `State "${is.id}"`;
  const gone = was.invokes.flatMap(({ id, actor }) => {
    const other = is.invokes.find((one) => one.id === id);
    if (!other) return [`${where} does not invoke ${actor} as "${id}" any more.`];
    if (other.actor === actor) return [];
    return [`${where} invokes ${other.actor} as "${id}" now, in place of ${actor}.`];
  });
  const added = is.invokes.filter(({ id }) => !was.invokes.some((one) => one.id === id));
  return [...gone, ...added.map(({ id, actor }) => `${where} invokes ${actor} as "${id}" now.`)];
}

function transitionDifference(was: StateShape, is: StateShape): readonly string[] {
  const [before, after] = [leadsOf(was), leadsOf(is)];
  const gone = [...before].filter(([event]) => !after.has(event));
  const added = [...after].filter(([event]) => !before.has(event));
  const [goneDelay, ...otherDelays] = gone.filter(([event]) => isDelay(event));
  const addedDelays = added.filter(([event]) => isDelay(event));
  // One delay for another, to the same place: it has only another length.
  const longer =
    goneDelay && otherDelays.length === 0 && addedDelays.length === 1
      ? { from: goneDelay[0], to: addedDelays[0]![0], same: goneDelay[1] === addedDelays[0]![1] }
      : undefined;
  const isTold = (event: string): boolean =>
    longer?.same === true && (event === longer.from || event === longer.to);
  const where = `State "${is.id}"`;
  return [
    ...(longer?.same
      ? [
          `${where} waits for ${said(longer.to, is.id)} now, in place of ${said(longer.from, is.id)}.`,
        ]
      : []),
    ...gone
      .filter(([event]) => !isTold(event))
      .map(([event]) => `${where} does not take ${said(event, is.id)} any more.`),
    ...added
      .filter(([event]) => !isTold(event))
      .map(([event, leads]) => `${where} takes ${said(event, is.id)} now: it leads to ${leads}.`),
    ...[...after].flatMap(([event, leads]) => {
      const led = before.get(event);
      if (led === undefined || led === leads) return [];
      return [
        `In state "${is.id}" ${said(event, is.id)} leads to ${leads} now, and led to ${led}.`,
      ];
    }),
  ];
}

/** Where each event leads: several places where guards choose. */
function leadsOf({ transitions }: StateShape): ReadonlyMap<string, string> {
  const leads = new Map<string, string>();
  for (const { event, leads: place } of transitions) {
    const before = leads.get(event);
    leads.set(event, before === undefined ? place : `${before} or ${place}`);
  }
  return leads;
}

const isDelay = (event: string): boolean => event.startsWith("xstate.after.");

/** XState's own events as their authors know them. */
function said(event: string, stateId: string): string {
  const rest = (prefix: string): string | undefined =>
    event.startsWith(prefix) ? event.slice(prefix.length) : undefined;
  const delay = rest("xstate.after.");
  if (delay !== undefined) {
    const name = delay.endsWith(`.${stateId}`) ? delay.slice(0, -stateId.length - 1) : delay;
    return /^\d+$/.test(name) ? `the delay of ${name} ms` : `the delay "${name}"`;
  }
  const done = rest("xstate.done.actor.");
  if (done !== undefined) return `the end of "${done}"`;
  const failed = rest("xstate.error.actor.");
  if (failed !== undefined) return `a failure of "${failed}"`;
  const told = rest("xstate.snapshot.");
  if (told !== undefined) return `progress of "${told}"`;
  if (rest("xstate.done.state.") !== undefined) return "the end of what is inside";
  if (event === "(always)") return "an eventless transition";
  return event === "*" ? "any other event" : `the event ${event}`;
}
