// How long the compiler takes over a blueprint of 80 states that invoke 80 typed tasks: `npm run bench -- types`.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** @returns what the compiler says of its own work, for people. */
export function benchTypes(states: number): string {
  // Inside the repository, where the package's own name and the settings of the compiler hold.
  const folder = mkdtempSync(join(root, ".type-check-"));
  try {
    writeFileSync(join(folder, "blueprint.ts"), blueprintSource(states));
    const config = { extends: "../tsconfig.json", include: ["blueprint.ts"], exclude: [] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const baseline = check(tsc, folder, "import 'avtomatika';\n");
    const whole = check(tsc, folder, blueprintSource(states));
    return [
      `${states} states with ${states} tasks: ${seconds(whole)}, ${count(whole)} instantiations`,
      `the package alone: ${seconds(baseline)}, ${count(baseline)} instantiations`,
    ].join("\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function check(tsc: string, folder: string, source: string): string {
  writeFileSync(join(folder, "blueprint.ts"), source);
  return execFileSync(process.execPath, [tsc, "-p", folder, "--extendedDiagnostics"], {
    encoding: "utf8",
  });
}

const seconds = (diagnostics: string): string =>
  /^Total time:\s*(\S+)/m.exec(diagnostics)?.[1] ?? "?";
const count = (diagnostics: string): string =>
  /^Instantiations:\s*(\S+)/m.exec(diagnostics)?.[1] ?? "?";

/** Each state reads what the one before it has put out, so that every type is worked out. */
function blueprintSource(states: number): string {
  const indexes = Array.from({ length: states }, (_, index) => index);
  const tasks = indexes.map(
    (index) =>
      `  t${index}: task("task_${index}", { input: z.object({ n${index}: z.number() }), ` +
      `output: z.object({ out${index}: z.number() }) }),`,
  );
  const nodes = indexes.map(
    (index) => `    s${index}: {
      invoke: {
        id: "i${index}",
        src: "t${index}",
        input: ({ context }) => ({ n${index}: context.n }),
        onDone: {
          target: "${index + 1 < states ? `s${index + 1}` : "end"}",
          actions: assign({ n: ({ event }) => event.output.out${index} }),
        },
        onError: "failed",
      },
    },`,
  );
  return `// Generated, to measure the compiler.
import { blueprint, task } from "avtomatika";
import { assign, setup } from "xstate";
import { z } from "zod";

const machine = setup({
  types: { context: {} as { n: number } },
  actors: {
${tasks.join("\n")}
  },
}).createMachine({
  id: "large",
  context: { n: 0 },
  initial: "s0",
  states: {
${nodes.join("\n")}
    failed: { type: "final" },
    end: { type: "final" },
  },
});

export const large = blueprint("large", { version: "1", machine });
`;
}
