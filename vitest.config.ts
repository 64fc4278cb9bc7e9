// One vitest project per kind of test; `npm test` runs the quick ones, `npm run verify` all of them.
import { defineConfig } from "vitest/config";

/** @param isolate whether each file has a process of its own: files that start processes and servers do, the many quick ones share. */
const project = (name: string, seconds: number, isolate = true) => ({
  extends: true as const,
  test: {
    name,
    isolate,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: seconds * 1000,
    hookTimeout: seconds * 1000,
  },
});

// "source" is the export condition under which the package's own name means its .ts files.
const conditions = ["source"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    projects: [
      project("tidy", 30, false),
      project("unit", 30, false),
      project("store", 40),
      project("machines", 40, false),
      project("scxml", 40),
      project("integration", 120),
      project("e2e", 120),
    ],
  },
});
