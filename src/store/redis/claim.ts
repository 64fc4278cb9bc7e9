// A claim as the arguments of its script, and what the script tells as records.
import type { Claim, ClaimResult } from "../store.ts";
import { pairs } from "./grouping.ts";
import { decodeTask } from "./rows.ts";

/** The arguments of `lua/claim.lua` from the holder on. */
export function claimArgs(claim: Claim): readonly string[] {
  const { queues, limit, holder, workerId, leaseMs, ageMs } = claim;
  return [
    JSON.stringify(holder),
    JSON.stringify(workerId),
    String(leaseMs),
    String(limit),
    ageMs === undefined ? "" : String(ageMs),
    ...queues.flatMap(({ queue, limit: most, slots = 1, lane = 0 }) => [
      JSON.stringify(queue),
      String(most),
      String(slots),
      String(lane),
    ]),
  ];
}

/** @param answer what `lua/claim.lua` returns behind time and epoch */
export function readClaim(answer: readonly unknown[]): ClaimResult {
  const [rows, drained, followed] = answer as [string[], string[], (string | string[])[]];
  const tasks = new Map(
    (pairs(rows) as [string, string][]).map(([id, row]) => [id, decodeTask(row).task] as const),
  );
  const followers = (pairs(followed) as [string, string[]][]).map(
    ([id, nodes]) => [tasks.get(id)!.jobId, nodes] as const,
  );
  return {
    tasks: [...tasks.values()],
    drained: drained.map((queue) => JSON.parse(queue) as string),
    ...(followers.length > 0 && { followers: Object.fromEntries(followers) }),
  };
}
