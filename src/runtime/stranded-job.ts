// A job that no step can be made of here: what it runs is not served, or has another shape than the job was started in.
import type { Envelope } from "../actor/envelope.ts";
import type { Blueprint } from "../blueprint/blueprint.ts";
import { incompatibilities } from "../blueprint/compatibility.ts";
import { jobData } from "../blueprint/job-data.ts";
import { isFlowContext, standingOf } from "../blueprint/standing.ts";
import type { StoredJob } from "../store/records.ts";
import { restarts } from "./job-view.ts";
import type { JobView } from "./runtime.ts";

/**
 * All that can be told of the job without its blueprint, and that it waits for that.
 *
 * @param envelope the job's, decoded
 * @param served its version, in another shape; undefined where there is none
 */
export function strandedJobView(
  { summary, revision }: StoredJob,
  envelope: Envelope,
  served: Blueprint | undefined,
): JobView {
  const style = served?.style ?? (isFlowContext(envelope.context) ? "flow" : "native");
  const found = served ? incompatibilities(served, standingOf(envelope, undefined)) : [];
  const { blueprint, version } = summary;
  return {
    ...summary,
    style,
    revision,
    stateValue: envelope.value,
    ...jobData({ style }, envelope.context),
    ...(envelope.output !== undefined && { output: envelope.output }),
    ...(envelope.error && { error: envelope.error }),
    ...(envelope.parent && { parentJobId: envelope.parent.jobId }),
    ...restarts(envelope),
    ...(envelope.rewound && { lostRevision: envelope.rewound.lost }),
    waits:
      envelope.status === "active"
        ? [
            {
              kind: "version",
              blueprint,
              version,
              reason: served ? "changed" : "missing",
              problems: found.map(({ message }) => message),
            },
          ]
        : [],
    activeStates: [],
  };
}
