// What the store keeps of versions: compared with what this node serves when it starts, and forgotten when nobody needs it.
import type { Blueprint } from "../blueprint/blueprint.ts";
import { decodeVersion, encodeVersion, versionName } from "../blueprint/kept-version.ts";
import type { BlueprintRegistry } from "../blueprint/registry.ts";
import { readShape } from "../blueprint/shape.ts";
import { shapeDifference } from "../blueprint/shape-difference.ts";
import { RuntimeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { Store } from "../store/store.ts";
import { othersServing } from "./membership.ts";

export interface KeepVersions {
  readonly store: Store;
  readonly blueprints: BlueprintRegistry;
  readonly log: Logger;
  /** Whether a version may come with another shape while something needs the one that is kept. */
  readonly changed: "refuse" | "take";
}

/** Why a row is to be written, or cannot be compared. */
interface News {
  readonly blueprint: Blueprint;
  readonly kind: "new" | "code" | "shape" | "unreadable" | "newer";
  readonly row: string | undefined;
  /** What has changed of the shape, in sentences. */
  readonly difference: readonly string[];
}

/** Jobs that are looked at to find one of a version. Of a blueprint with more, any version may have some. */
const lookedAtMax = 10_000;
const pageSize = 500;

/**
 * Compare what this node serves with what the store keeps, keep what is new, and forget versions that nobody serves and
 * no job is of. A start costs a few calls, whatever jobs there are; where nothing has changed, one.
 *
 * @throws RuntimeError `blueprint.shape_changed` with every difference, where a version has another shape than is kept,
 *   and jobs or other nodes have the kept one. Then nothing has been written.
 */
export async function keepVersions(options: KeepVersions): Promise<void> {
  const { store, blueprints, changed } = options;
  for (let settled = false; !settled;) {
    // Before reading: whoever has written what is read has said before that it comes.
    const others = await othersServing(store.nodes, blueprints.digest);
    const kept = await store.shapes.all();
    const news = blueprints.list().flatMap((one) => newsOf(one, kept.get(versionName(one))));
    if (changed === "refuse") await refuseChanged(store, news, others);
    const written = await Promise.all(news.map((one) => take(options, one)));
    // Another node was first with one of them: look again at what it has written.
    settled = written.every(Boolean);
    if (settled && others.length === 0) await forget(options, kept);
  }
}

function newsOf(blueprint: Blueprint, row: string | undefined): readonly News[] {
  const about = { blueprint, row, difference: [] };
  if (row === undefined) return [{ ...about, kind: "new" }];
  const kept = decodeVersion(row);
  if (typeof kept === "string") return [{ ...about, kind: kept }];
  const { shape, logic } = blueprint.fingerprint;
  if (kept.shape !== shape) {
    const difference = shapeDifference(kept.states, readShape(blueprint.machine));
    return [{ ...about, kind: "shape", difference }];
  }
  return kept.logic === logic ? [] : [{ ...about, kind: "code" }];
}

async function refuseChanged(
  store: Store,
  news: readonly News[],
  [other]: readonly string[],
): Promise<void> {
  const changes: { blueprint: string; version: string; difference: readonly string[] }[] = [];
  for (const { kind, blueprint, difference } of news) {
    if (kind !== "shape") continue;
    const { name, version } = blueprint;
    if (other === undefined && !(await mayHaveJobs(store, name, [version])).has(version)) continue;
    changes.push({ blueprint: name, version, difference });
  }
  if (changes.length === 0) return;
  const spelt = changes.flatMap(({ blueprint, version, difference }) => [
    `  ${blueprint}@${version}`,
    ...difference.map((sentence) => `    ${sentence}`),
  ]);
  const why =
    other === undefined
      ? "jobs of them are still in the store"
      : `node ${other}, which serves something else than this one, still runs`;
  throw new RuntimeError(
    "blueprint.shape_changed",
    `These versions were served with another shape before, and ${why}:\n${spelt.join("\n")}\nGive each change a new version, and serve the old shape under the old one.`,
    { changes, ...(other !== undefined && { node: other }) },
  );
}

/** Write what is new, and say what it means. False where another node has written something else meanwhile. */
async function take(options: KeepVersions, news: News): Promise<boolean> {
  const { store, changed, log } = options;
  const { blueprint, kind, row, difference } = news;
  const { name, version } = blueprint;
  const about = { blueprint: name, version };
  if (kind === "newer") {
    log.warn(about, "a version is kept by a newer release; whether it has changed is not known");
    return true;
  }
  const fresh = encodeVersion(blueprint);
  if ((await store.shapes.swap(versionName(blueprint), row, fresh)) !== fresh) return false;
  switch (kind) {
    case "new":
      break;
    case "code":
      // In development that is what one does.
      log[changed === "take" ? "debug" : "warn"](
        about,
        "the code of a version has changed; its jobs go on with the new code, and replays of theirs may differ",
      );
      break;
    case "unreadable":
      log.warn(about, "what was kept of a version could not be read, and is written anew");
      break;
    case "shape":
      if (changed === "refuse")
        log.info({ ...about, difference }, "the shape of a version has changed that nothing needs");
      else
        log.warn(
          { ...about, difference },
          "the shape of a version has changed; jobs that were started in the old one stand still until it is back, or until they are migrated to a new version",
        );
  }
  return true;
}

/** Forget versions that this node does not serve, nor any other, and no job is of. */
async function forget(
  { store, blueprints, log }: KeepVersions,
  kept: ReadonlyMap<string, string>,
): Promise<void> {
  const unserved = new Map<string, string[]>();
  for (const key of kept.keys()) {
    const [name = "", version = ""] = key.split("@");
    if (!blueprints.get(name, version))
      unserved.set(name, [...(unserved.get(name) ?? []), version]);
  }
  for (const [name, versions] of unserved) {
    const needed = await mayHaveJobs(store, name, versions);
    for (const version of versions) {
      if (needed.has(version)) continue;
      const key = versionName({ name, version });
      await store.shapes.swap(key, kept.get(key), undefined);
      log.info({ blueprint: name, version }, "a version is forgotten that nothing needs");
    }
  }
}

/** Those of the versions that jobs in the store are of, ended ones too, or all where there are too many jobs to tell. */
async function mayHaveJobs(
  store: Store,
  blueprint: string,
  versions: readonly string[],
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (let cursor: string | undefined, looked = 0; looked < lookedAtMax; looked += pageSize) {
    const query = { blueprint, limit: pageSize, ...(cursor !== undefined && { cursor }) };
    const { jobs, next } = await store.listJobs(query);
    for (const { version } of jobs) if (versions.includes(version)) found.add(version);
    if (next === undefined || found.size === versions.length) return found;
    cursor = next;
  }
  return new Set(versions);
}
