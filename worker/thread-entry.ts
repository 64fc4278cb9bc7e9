// What a thread begins with: the loader of the worker's own process, where there is one, and then its program.

/**
 * The code of the thread. `tsx`, under which TypeScript runs as it stands, leaves threads to themselves, so that one has to
 * ask it again; loaders that were compiled away beforehand need nothing. Sources that something else runs, such as a test
 * runner, are left to `tsx`, too.
 */
export function threadEntry(program: URL, execArgv: readonly string[]): string {
  const named = execArgv.map(apiOf).find((one) => one !== undefined);
  const api = named ?? (program.pathname.endsWith(".ts") ? "tsx/esm/api" : undefined);
  const register = api === undefined ? "" : `(await import(${JSON.stringify(api)})).register();`;
  return `(async () => { ${register} await import(${JSON.stringify(program.href)}); })();`;
}

/** Where tsx registers itself, if an option of Node names it. */
function apiOf(option: string): string | undefined {
  const value = option.replace(/^--import=/, "");
  if (value === "tsx" || value === "tsx/esm") return "tsx/esm/api";
  return /\/tsx\/dist\/(loader|esm\/index)\.mjs$/.test(value)
    ? value.replace(/(loader|esm\/index)\.mjs$/, "esm/api/index.mjs")
    : undefined;
}
