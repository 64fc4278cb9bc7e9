// The W3C SCXML suite with its expectations, fetched from the package registry once and kept in `.cache`.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

/** What a test expects: the ids of the active states that have none inside, first and after each event. */
export interface Script {
  readonly initialConfiguration: readonly string[];
  readonly events: readonly {
    /** Milliseconds to let pass before the event. */
    readonly after?: number;
    readonly event: { readonly name: string };
    readonly nextConfiguration: readonly string[];
  }[];
}

export interface ScxmlTest {
  /** `w3c-ecma/test144`, say. */
  readonly name: string;
  readonly document: string;
  readonly script: Script;
  /** The text of a file beside the document. */
  readonly file: (address: string) => string;
}

const packageName = "@scion-scxml/test-framework";
const version = "2.0.16";
const sha512 =
  "e6b45de427452d4ce63da3b8dcd49a9819a1abab96ff49149949de127a9149b0" +
  "23d0588554020d7750df69d524744093fb11cb011089654ee67900f89ea6322b";
const cache = join(import.meta.dirname, "../../../.cache/scxml");

/** @returns the tests, or why there are none. */
export function loadSuite(): readonly ScxmlTest[] | { readonly unavailable: string } {
  const folder = join(cache, version);
  try {
    if (!existsSync(folder)) fetchTo(folder);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const reason = message.replaceAll(/\s+/g, " ").slice(0, 300);
    return { unavailable: `${packageName}@${version} could not be fetched: ${reason}` };
  }
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".scxml") && existsSync(scriptOf(join(folder, path))))
    .toSorted()
    .map((path) => readTest(folder, path));
}

/** Its own dependencies are not wanted, so it is unpacked and not installed. */
function fetchTo(folder: string): void {
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  try {
    const options = { cwd: fresh, encoding: "utf8", timeout: 120_000, stdio: "pipe" } as const;
    execFileSync("npm", ["pack", "--loglevel=error", `${packageName}@${version}`], options);
    const archive = readdirSync(fresh).find((name) => name.endsWith(".tgz"));
    if (archive === undefined) throw new Error("npm pack left no archive");
    const found = createHash("sha512")
      .update(readFileSync(join(fresh, archive)))
      .digest("hex");
    if (found !== sha512) throw new Error(`its digest is ${found}`);
    execFileSync("tar", ["-xzf", archive], options);
    renameSync(join(fresh, "package/test"), folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

const scriptOf = (document: string): string => document.replace(/\.scxml$/, ".json");

function readTest(folder: string, path: string): ScxmlTest {
  const document = join(folder, path);
  return {
    name: path.replace(/(\.txml)?\.scxml$/, ""),
    document: readFileSync(document, "utf8"),
    script: JSON.parse(readFileSync(scriptOf(document), "utf8")) as Script,
    file: (address) => readFileSync(join(dirname(document), address.replace(/^file:/, "")), "utf8"),
  };
}
