// What blueprints mean for running jobs, for people: by blueprint and state.
import pc from "picocolors";
import type { ChangedVersion, LiveGroup } from "./check-live.ts";
import { printable } from "./printable.ts";

/** Whether jobs of the group could not go on. */
export const isStranded = ({ verdict }: LiveGroup): boolean => verdict !== "stays";

const nameOf = ({ blueprint, version }: ChangedVersion): string => `${blueprint}@${version}`;

export function liveText(groups: readonly LiveGroup[], changed: readonly ChangedVersion[]): string {
  // Those with running jobs are told with them.
  const lines = changed
    .filter((one) => !groups.some((group) => nameOf(group) === nameOf(one)))
    .flatMap((one) => [
      pc.bold(nameOf(one)),
      ...one.difference.map((sentence) => `  ${printable(sentence)}`),
      `${pc.red("✗")} a server that knows it in the other shape does not start with it`,
    ]);
  if (groups.length === 0) return [...lines, "No jobs are running."].join("\n");
  let place = "";
  for (const group of groups) {
    const { difference } = group;
    const name = nameOf(group);
    if (name !== place) {
      lines.push(pc.bold(name), ...difference.map((sentence) => `  ${printable(sentence)}`));
      place = name;
    }
    lines.push(...groupLines(group));
  }
  const count = (some: readonly LiveGroup[]): number =>
    some.reduce((sum, { jobs }) => sum + jobs.length, 0);
  const stranded = count(groups.filter(isStranded));
  const running = count(groups);
  const end = stranded === 0 ? "all of them go on" : `${stranded} of them could not go on`;
  return [...lines, `${running} running ${running === 1 ? "job" : "jobs"}, ${end}`].join("\n");
}

function groupLines(group: LiveGroup): readonly string[] {
  const { state, jobs, verdict, problems, newest } = group;
  const mark = isStranded(group) ? pc.red("✗") : pc.green("✓");
  const examples = jobs.slice(0, 3).join(", ");
  const more = jobs.length > 3 ? ", …" : "";
  const which = pc.dim(`${jobs.length} ${jobs.length === 1 ? "job" : "jobs"}: ${examples}${more}`);
  return [
    `${mark} ${printable(state)}  ${verdictText[verdict]}  ${which}`,
    ...problems.map((sentence) => `    ${printable(sentence)}`),
    ...(newest ? [`    ${newestText(newest)}`] : []),
    ...(newest?.problems ?? []).map((sentence) => `      ${printable(sentence)}`),
  ];
}

const verdictText: Readonly<Record<LiveGroup["verdict"], string>> = {
  stays: "goes on as it is",
  changed: "could not go on: its version has another shape here",
  missing: "could not go on: its version is not here",
};

function newestText({ version, takes }: NonNullable<LiveGroup["newest"]>): string {
  switch (takes) {
    case "as_they_are":
      return `version ${version} could take it over as it is: \`jobs migrate\``;
    case "by_its_migration":
      return `version ${version} has a migration for it: \`jobs migrate\``;
    case "not":
      return `version ${version} could not take it over:`;
  }
}
