// The architecture as a test: which folder may import which. `docs/architecture.md` shows the same table.
import { describe, expect, test } from "vitest";
import { codeFiles, codesIn, importsOf, tableRows } from "./repository.ts";

interface Layer {
  /** Folders and files of ours. A folder of the table means its own files, not those of other folders in it. */
  readonly ours: readonly string[];
  /** Packages, and `node:` where the modules of Node may be used. */
  readonly others: readonly string[];
}

/** What the edges see of the runtime: its services, and the port that sessions implement. */
const runtimePorts = [
  "src/runtime/runtime.ts",
  "src/runtime/worker-pool.ts",
  "src/runtime/worker-view.ts",
];
const log = "src/logger.ts";

const layers: Readonly<Record<string, Layer>> = {
  "src/protocol": { ours: [], others: ["zod"] },
  "src/actor": { ours: [], others: ["xstate"] },
  "src/blueprint": {
    ours: ["src/actor", "src/protocol/json.ts"],
    others: ["xstate", "zod", "node:"],
  },
  "src/chart": { ours: ["src/blueprint"], others: ["elkjs", "node:"] },
  "src/store": { ours: ["src/actor"], others: ["node:"] },
  "src/store/memory": { ours: ["src/store"], others: ["node:"] },
  "src/store/embedded": { ours: ["src/store"], others: ["lmdb", "node:"] },
  "src/store/redis": { ours: ["src/store"], others: ["redis", "node:"] },
  "src/archive": { ours: ["src/store"], others: ["libsql", "pg", "node:"] },
  "src/runtime": {
    ours: ["src/actor", "src/blueprint", "src/store", "src/archive/archive.ts", log],
    others: ["lru-cache"],
  },
  "src/socket": { ours: ["src/protocol"], others: ["ws", "node:"] },
  "src/gateway": {
    ours: ["src/protocol", "src/socket", ...runtimePorts, log],
    others: ["smol-toml", "ws", "node:"],
  },
  "src/http": {
    ours: ["src/protocol", "src/socket", ...runtimePorts, log],
    others: ["hono", "@hono/node-server", "ws", "zod", "zod-openapi", "node:"],
  },
  "src/client": { ours: ["src/protocol"], others: ["ws", "node:"] },
  "src/console": { ours: ["src/client", "src/protocol"], others: ["react", "react-dom", "zod"] },
  "src/testing": {
    ours: [
      "src/actor",
      "src/blueprint",
      "src/gateway/frames.ts",
      "src/protocol",
      "src/runtime",
      "src/store",
      "src/store/memory",
      "worker",
    ],
    others: ["pino", "xstate", "zod", "node:"],
  },
  "src/cli": {
    ours: [
      "src/blueprint",
      "src/chart",
      "src/client",
      "src/protocol",
      "src/config.ts",
      "src/open-store.ts",
      "src/server.ts",
      "src/store/transfer.ts",
      "src/worker-test",
      log,
      "worker",
    ],
    others: ["commander", "picocolors", "node:"],
  },
  "src/worker-test": {
    ours: ["src/gateway", "src/http/serve.ts", ...runtimePorts, log],
    others: ["node:"],
  },
  machines: { ours: ["machines/task"], others: ["avtomatika", "xstate", "zod"] },
  "machines/task": { ours: [], others: ["avtomatika", "zod"] },
  worker: { ours: ["src/protocol"], others: ["pino", "ws", "zod", "node:"] },
  "worker/tasks": {
    ours: ["machines/task"],
    others: ["avtomatika/worker", "sharp", "node:"],
  },
};

/** Every folder may import these; they import nothing of ours. */
const leaves = ["src/errors.ts", "src/clock.ts", "src/id.ts"];
/** They know the real world and put the parts together, so they may import anything. */
const compositionRoots = [
  "src/server.ts",
  "src/index.ts",
  "src/config.ts",
  "src/redis-config.ts",
  "src/token-config.ts",
  "src/open-store.ts",
  "src/logger.ts",
];

const folders = Object.keys(layers).toSorted((a, b) => b.length - a.length);
const layerOf = (path: string) => folders.find((folder) => path.startsWith(`${folder}/`));

/** `@hono/node-server/serve` → `@hono/node-server`; `avtomatika/worker` is a package of its own here. */
function packageOf(specifier: string): string {
  if (specifier.startsWith("node:")) return "node:";
  if (specifier.startsWith("avtomatika")) return specifier;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function isAllowed(imported: string, folder: string): boolean {
  const { ours, others } = layers[folder]!;
  if (!/^(src|worker|machines)\//.test(imported)) return others.includes(packageOf(imported));
  const other = layerOf(imported);
  if (leaves.includes(imported) || other === folder) return true;
  return ours.includes(imported) || (other !== undefined && ours.includes(other));
}

const files = codeFiles.filter((file) => /^(src|worker|machines)\//.test(file));

describe("imports", () => {
  test.each(files)("%s keeps to its layer", (file) => {
    if (compositionRoots.includes(file)) return;
    if (leaves.includes(file)) {
      expect(importsOf(file).filter((imported) => imported.startsWith("src/"))).toEqual([]);
      return;
    }
    const folder = layerOf(file);
    expect(folder, "a new folder needs a line in the table above").toBeDefined();
    expect(importsOf(file).filter((imported) => !isAllowed(imported, folder!))).toEqual([]);
  });

  test("name real files, with their extensions", () => {
    const ours = files.flatMap((file) =>
      importsOf(file).filter((imported) => /^(src|worker|machines)\//.test(imported)),
    );
    expect(
      ours.filter((imported) => !codeFiles.includes(imported) && !imported.endsWith(".css")),
    ).toEqual([]);
  });
});

describe("docs/architecture.md", () => {
  test("shows the table above", () => {
    const rows = tableRows("docs/architecture.md", "Who may import whom");
    const shown = rows.map(([folder = "", ours = "", others = ""]) => [
      ...codesIn(folder),
      { ours: codesIn(ours).toSorted(), others: codesIn(others).toSorted() },
    ]);
    const enforced = Object.entries(layers).map(([folder, { ours, others }]) => [
      folder,
      { ours: ours.toSorted(), others: others.toSorted() },
    ]);
    expect(shown).toEqual(enforced);
  });
});
