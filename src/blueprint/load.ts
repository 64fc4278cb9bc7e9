// Finds the blueprints in a directory of files.
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { RuntimeError } from "../errors.ts";
import { isBlueprint, type Blueprint } from "./blueprint.ts";
import { isFlow } from "./flow.ts";
import { importBlueprint, type Implementations } from "./interchange/import-machine.ts";

export interface LoadedBlueprint {
  readonly file: string;
  readonly blueprint: Blueprint;
}

/** What a file came to: its blueprints, or why it has none. */
export interface BlueprintFile {
  readonly file: string;
  readonly blueprints: readonly Blueprint[];
  readonly failure?: RuntimeError;
}

/**
 * Import every `.ts`, `.js` and `.mjs` file of a directory (not of the directories in it), and take the
 * blueprints and flows that it exports. `.ts` files need a Node that runs under tsx. A `.json` file is a blueprint, too;
 * what it names is what the module of the same name beside it exports as `implementations`.
 *
 * @throws RuntimeError `blueprint.load_failed` that names the file and the cause.
 */
export async function loadBlueprints(directory: string): Promise<readonly LoadedBlueprint[]> {
  const loaded: LoadedBlueprint[] = [];
  for await (const { file, blueprints, failure } of readBlueprintFiles(directory)) {
    if (failure) throw failure;
    loaded.push(...blueprints.map((blueprint) => ({ file, blueprint })));
  }
  return loaded;
}

/**
 * Every file of a directory as `loadBlueprints` takes them, also after one that does not load.
 *
 * @throws RuntimeError `blueprint.load_failed` where the directory cannot be read.
 */
export async function* readBlueprintFiles(directory: string): AsyncGenerator<BlueprintFile> {
  const files = await blueprintFiles(directory);
  for (const file of files)
    try {
      yield { file, blueprints: await blueprintsIn(file, files) };
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      yield { file, blueprints: [], failure: error };
    }
}

async function blueprintsIn(file: string, files: readonly string[]): Promise<readonly Blueprint[]> {
  if (file.endsWith(".json")) return [await loadDocument(file, moduleBeside(file, files))];
  const exported = [...new Set(Object.values(await importFile(file)))];
  return exported
    .map((value) => inFile(file, () => (isFlow(value) ? value.build() : value)))
    .filter((value) => isBlueprint(value));
}

async function blueprintFiles(directory: string): Promise<readonly string[]> {
  try {
    const names = await readdir(directory);
    return names
      .filter((name) => /\.(ts|js|mjs|json)$/.test(name) && !/\.(d|test)\.ts$/.test(name))
      .filter((name) => !/^(package(-lock)?|tsconfig.*)\.json$/.test(name))
      .toSorted()
      .map((name) => resolve(join(directory, name)));
  } catch (error) {
    throw new RuntimeError(
      "blueprint.load_failed",
      `The directory of blueprints "${directory}" cannot be read: ${reason(error)}`,
      { directory },
      { cause: error },
    );
  }
}

/** `order.ts`, `order.js` or `order.mjs` beside `order.json`. */
function moduleBeside(file: string, files: readonly string[]): string | undefined {
  const stem = file.slice(0, -"json".length);
  return files.find(
    (one) => one !== file && one.startsWith(stem) && !one.slice(stem.length).includes("."),
  );
}

/**
 * Import a blueprint document.
 *
 * @param module exports `implementations`, where the document names anything
 * @throws RuntimeError `blueprint.load_failed`, `interchange.invalid`, `interchange.unregistered`, `blueprint.invalid`
 */
export async function loadDocument(file: string, module: string | undefined): Promise<Blueprint> {
  const { implementations = {} } = module === undefined ? {} : await importFile(module);
  try {
    return importBlueprint(await readFile(file, "utf8"), implementations as Implementations);
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw loadFailed(file, error);
    const { code, message, details } = error;
    throw new RuntimeError(code, `${file}: ${message}`, { ...details, file }, { cause: error });
  }
}

async function importFile(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    throw loadFailed(file, error);
  }
}

function inFile<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw loadFailed(file, error);
  }
}

function loadFailed(file: string, error: unknown): RuntimeError {
  const unknownExtension =
    error instanceof Error && "code" in error && error.code === "ERR_UNKNOWN_FILE_EXTENSION";
  const cause =
    unknownExtension && file.endsWith(".ts")
      ? "this Node does not run TypeScript: start it with `node --import tsx`, or compile the file to .js"
      : reason(error);
  return new RuntimeError(
    "blueprint.load_failed",
    `The blueprint file ${file} does not load: ${cause}`,
    { file },
    { cause: error },
  );
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));
