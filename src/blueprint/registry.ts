// The blueprints that a server knows: every version, because running jobs stay on theirs.
import { createHash } from "node:crypto";
import { RuntimeError } from "../errors.ts";
import type { Blueprint } from "./blueprint.ts";
import { lint } from "./lint.ts";
import type { Finding } from "./lint/finding.ts";
import { readShape } from "./shape.ts";
import { shapeDifference } from "./shape-difference.ts";

export class BlueprintRegistry {
  /** Name → its versions, newest first. */
  readonly #blueprints = new Map<string, Blueprint[]>();

  /**
   * Take in a blueprint. The same one again changes nothing.
   *
   * @returns what the linter found that is not an error, for the log.
   * @throws RuntimeError `blueprint.invalid` with the linter's errors; `blueprint.shape_changed` where another
   * shape has this name and version; `blueprint.duplicate` where other code has them, or another blueprint has the endpoint.
   */
  register(blueprint: Blueprint): readonly Finding[] {
    const findings = lint(blueprint.machine, { style: blueprint.style });
    refuseBroken(blueprint, findings);
    const versions = this.#blueprints.get(blueprint.name) ?? [];
    const known = versions.find(({ version }) => version === blueprint.version);
    if (known) refuseChanged(known, blueprint);
    else {
      this.#refuseSharedEndpoint(blueprint);
      versions.push(blueprint);
      versions.sort((a, b) => -compareVersions(a.version, b.version));
      this.#blueprints.set(blueprint.name, versions);
    }
    return findings;
  }

  /** @param version The newest where absent. */
  get(name: string, version?: string): Blueprint | undefined {
    const versions = this.#blueprints.get(name);
    if (version === undefined) return versions?.[0];
    return versions?.find((blueprint) => blueprint.version === version);
  }

  /** @throws RuntimeError `blueprint.not_found`, listing what there is. */
  require(name: string, version?: string): Blueprint {
    const found = this.get(name, version);
    if (found) return found;
    const versions = this.#blueprints.get(name)?.map((blueprint) => blueprint.version);
    const known = versions ?? [...this.#blueprints.keys()].toSorted();
    const missing = versions
      ? `Blueprint "${name}" has no version "${version}"`
      : `There is no blueprint "${name}"`;
    throw new RuntimeError(
      "blueprint.not_found",
      `${missing}. Known: ${known.join(", ") || "none"}.`,
      {
        blueprint: name,
        ...(version !== undefined && { version }),
        known,
      },
    );
  }

  /** Every version of every blueprint, by name, newest first. */
  list(): readonly Blueprint[] {
    return [...this.#blueprints.keys()].toSorted().flatMap((name) => this.#blueprints.get(name)!);
  }

  /** Registries with the same versions in the same shapes have the same. 16 hex digits. */
  get digest(): string {
    const lines = this.list().map((one) => `${one.name}@${one.version} ${one.fingerprint.shape}`);
    return createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 16);
  }

  #refuseSharedEndpoint({ name, endpoint, apiVersion }: Blueprint): void {
    if (endpoint === undefined) return;
    const other = this.list().find(
      (known) =>
        known.name !== name && known.endpoint === endpoint && known.apiVersion === apiVersion,
    );
    if (!other) return;
    const path = `/api${apiVersion === undefined ? "" : `/${apiVersion}`}${endpoint}`;
    throw new RuntimeError(
      "blueprint.duplicate",
      `Blueprints "${other.name}" and "${name}" both want POST ${path}: give one another endpoint or apiVersion.`,
      { blueprints: [other.name, name], path },
    );
  }
}

function refuseBroken({ name, version }: Blueprint, findings: readonly Finding[]): void {
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length === 0) return;
  const spelt = errors.map(({ where, message, code }) => `${where}: ${message} [${code}]`);
  throw new RuntimeError(
    "blueprint.invalid",
    `Blueprint "${name}" version "${version}" would not survive a restart. ${spelt.join(" ")}`,
    { blueprint: name, version, findings: errors },
  );
}

function refuseChanged(known: Blueprint, changed: Blueprint): void {
  const { name, version } = changed;
  const about = { blueprint: name, version };
  if (known.fingerprint.shape !== changed.fingerprint.shape) {
    const difference = shapeDifference(readShape(known.machine), readShape(changed.machine));
    throw new RuntimeError(
      "blueprint.shape_changed",
      `Blueprint "${name}" version "${version}" is already known with another shape; give the change a new version. ${difference.join(" ")}`,
      { ...about, difference },
    );
  }
  if (known.fingerprint.logic !== changed.fingerprint.logic)
    throw new RuntimeError(
      "blueprint.duplicate",
      `Blueprint "${name}" version "${version}" is defined twice, with the same states but other code.`,
      about,
    );
}

/** By the numbers and words of the versions: `1.10` comes after `1.9`. */
export function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
