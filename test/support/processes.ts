// Which processes of this machine run, as Linux tells.
import { readdirSync, readFileSync } from "node:fs";

/** The ids of the processes that have a text in their command lines. */
export function processesWith(text: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && commandOf(pid).includes(text));
}

/** Empty for a process that has ended meanwhile. */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
