// `avtomatika queues …`: what waits in the queues and why, and to pause and resume the tasks of a type.
import type { Command } from "commander";
import pc from "picocolors";
import type { Queue } from "../protocol/queue-contract.ts";
import { connect, withConnectionOptions, type ConnectionFlags } from "./connect.ts";
import { print, printJson } from "./output.ts";
import { printable } from "./printable.ts";
import { table } from "./table.ts";

export function addQueues(program: Command): void {
  const queues = program
    .command("queues")
    .description("see what waits in the queues and why; pause and resume types of tasks");
  withConnectionOptions(queues);
  queues
    .command("list")
    .description("list the queues in which tasks wait, the longest first")
    .action(async (_, command: Command) => {
      const { json, ...flags } = command.optsWithGlobals<ConnectionFlags>();
      const all = await (await connect(flags)).queues();
      if (json) return printJson(all);
      const rows = all.queues.map((queue) => [
        printable(queue.type),
        String(queue.waiting),
        queue.since ?? "",
        printable(asksFor(queue)),
        printable(queue.why?.reason ?? "All wait for their next attempt."),
      ]);
      const head = ["TYPE", "WAITING", "SINCE", "ASKS FOR", "WHY"].map((name) => pc.dim(name));
      print(table([head, ...rows]));
      if (all.paused.length > 0) print(`Paused: ${printable(all.paused.join(", "))}`);
    });
  for (const verb of ["pause", "resume"] as const)
    queues
      .command(verb)
      .description(verb === "pause" ? "let tasks of a type begin no more" : "let them begin again")
      .argument("<type>", "the type of the tasks")
      .action(async (type: string, _, command: Command) => {
        const { json, ...flags } = command.optsWithGlobals<ConnectionFlags>();
        await (await connect(flags))[verb](type);
        if (json) printJson({ type, status: `${verb}d` });
        else print(`Tasks of the type "${printable(type)}" are ${verb}d.`);
      });
}

function asksFor({ requirements, max_cost, slots, limit }: Queue): string {
  const asked = [
    requirements && JSON.stringify(requirements),
    max_cost !== undefined && `cost ≤ ${max_cost}`,
    slots !== undefined && `${slots} slots`,
    limit && `key ${limit.key}`,
  ];
  return asked.filter(Boolean).join(", ");
}
