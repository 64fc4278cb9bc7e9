// One vitest project per kind of test; `npm test` runs the quick ones, `npm run verify` all of them.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { hasRedisServer } from "./test/support/redis-server.ts";

/** Files that need a redis-server, where there is none. The conformance of stores is then tested on js-redis-server. */
const left = hasRedisServer ? [] : filesOverRedis("test/integration");
// This file is read once for each project.
if (left.length > 0 && process.env["LEFT_OUT"] === undefined) {
  process.env["LEFT_OUT"] = left.join(" ");
  console.warn(`There is no redis-server, so these are not run:\n  ${left.join("\n  ")}`);
}

function filesOverRedis(folder: string): readonly string[] {
  const files = readdirSync(join(import.meta.dirname, folder)).map((name) => `${folder}/${name}`);
  return files.filter((file) =>
    /support\/(redis-|chaos)/.test(readFileSync(join(import.meta.dirname, file), "utf8")),
  );
}

/** @param isolate whether each file has a process of its own: files that start processes and servers do, the many quick ones share. */
const project = (name: string, seconds: number, isolate = true) => ({
  extends: true as const,
  test: {
    name,
    isolate,
    include: [`test/${name}/**/*.test.ts`],
    exclude: [...left],
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
