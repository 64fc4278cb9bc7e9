// Whether the blueprints of a directory could take the place of those that a server has: what they mean for running jobs.
import { incompatibilities } from "../blueprint/compatibility.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import type { BlueprintRegistry } from "../blueprint/registry.ts";
import { readShape } from "../blueprint/shape.ts";
import { shapeDifference } from "../blueprint/shape-difference.ts";
import type { Standing } from "../blueprint/standing.ts";
import { mappedValue } from "../blueprint/state-map.ts";
import type { BlueprintShape, StandingJob } from "../protocol/past-contract.ts";

/** Jobs that stand in the same state, and of which the same is true. */
export interface LiveGroup {
  readonly blueprint: string;
  readonly version: string;
  readonly state: string;
  /** Their ids. */
  readonly jobs: readonly string[];
  /**
   * `stays`: their version is in the directory, and they go on · `changed`: their version is there in another shape ·
   * `missing`: their version is not there.
   */
  readonly verdict: "stays" | "changed" | "missing";
  /** What has changed of their version, in sentences. */
  readonly difference: readonly string[];
  /** What of such a job has no place in the changed version, in sentences. */
  readonly problems: readonly string[];
  /** The newest version in the directory, where that is another one, and how it could take them over. */
  readonly newest?: {
    readonly version: string;
    readonly takes: "as_they_are" | "by_its_migration" | "not";
    readonly problems: readonly string[];
  };
}

/** A version of the directory that the server knows in another shape: one like it would refuse to start with this. */
export interface ChangedVersion {
  readonly blueprint: string;
  readonly version: string;
  /** What has changed, in sentences. */
  readonly difference: readonly string[];
}

/** The shape of a version that the server has, or that its store keeps; undefined where neither does. */
export type KnownShape = (
  blueprint: string,
  version: string,
) => Promise<BlueprintShape | undefined>;

export async function changedVersions(
  directory: BlueprintRegistry,
  knownShape: KnownShape,
): Promise<readonly ChangedVersion[]> {
  const compared = await Promise.all(
    directory.list().map(async ({ name: blueprint, version, machine }) => {
      const known = await knownShape(blueprint, version);
      const difference = known ? shapeDifference(known.states, readShape(machine)) : [];
      return { blueprint, version, difference };
    }),
  );
  return compared.filter(({ difference }) => difference.length > 0);
}

/** @param changed what `changedVersions` has found in the directory */
export function liveGroups(
  jobs: readonly StandingJob[],
  directory: BlueprintRegistry,
  changed: readonly ChangedVersion[],
): readonly LiveGroup[] {
  const groups = new Map<string, LiveGroup>();
  for (const job of jobs) {
    const one = judged(job, directory);
    const { jobs: _ids, ...facts } = one;
    const key = JSON.stringify(facts);
    const known = groups.get(key);
    const { difference = [] } =
      changed.find(
        ({ blueprint, version }) =>
          one.verdict === "changed" && blueprint === one.blueprint && version === one.version,
      ) ?? {};
    groups.set(key, { ...one, difference, jobs: [...(known?.jobs ?? []), job.job_id] });
  }
  return [...groups.values()].toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
}

const placeOf = ({ blueprint, version, state }: LiveGroup): string =>
  [blueprint, version, state].join("\n");

function judged(job: StandingJob, directory: BlueprintRegistry): LiveGroup {
  const {
    blueprint: name,
    version,
    shape,
  } = {
    blueprint: job.blueprint_name,
    version: job.blueprint_version,
    shape: job.shape,
  };
  const standing = standingIn(job);
  const own = directory.get(name, version);
  const newest = directory.get(name);
  const isSame = own?.fingerprint.shape === shape;
  return {
    blueprint: name,
    version,
    state: job.current_state,
    jobs: [],
    verdict: own === undefined ? "missing" : isSame ? "stays" : "changed",
    difference: [],
    problems: own && !isSame ? sentences(own, standing) : [],
    ...(newest && newest.version !== version && { newest: takeover(newest, version, standing) }),
  };
}

function takeover(
  newest: Blueprint,
  version: string,
  standing: Standing,
): NonNullable<LiveGroup["newest"]> {
  const migration = newest.migrate?.find(({ from }) => from === version);
  if (migration) {
    const mapped = mappedValue(newest.machine.root, standing.value, migration.states ?? {});
    return "value" in mapped
      ? { version: newest.version, takes: "by_its_migration", problems: [] }
      : {
          version: newest.version,
          takes: "not",
          problems: mapped.problems.map(({ message }) => message),
        };
  }
  const problems = sentences(newest, standing);
  return {
    version: newest.version,
    takes: problems.length === 0 ? "as_they_are" : "not",
    problems,
  };
}

const sentences = (blueprint: Blueprint, standing: Standing): readonly string[] =>
  incompatibilities(blueprint, standing).map(({ message }) => message);

function standingIn({ standing }: StandingJob): Standing {
  const { value, children, timers, delays, history, leads_to: leadsTo } = standing;
  return {
    value: value as Standing["value"],
    children: children.map(({ id, src, settled, invoked, work }) => ({
      id,
      src,
      settled,
      ...(invoked !== undefined && { invoked }),
      ...(work !== undefined && { work }),
    })),
    timers,
    ...(delays && { delays }),
    ...(history && { history }),
    ...(leadsTo && { leadsTo }),
  };
}
