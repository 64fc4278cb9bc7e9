// The lock file installs the same packages from any registry, and nothing tells of the machine it was made on.
import { expect, test } from "vitest";
import { codeFiles, pages, read } from "./repository.ts";

const files = [...codeFiles, ...pages, "package.json", "tsconfig.json", "vitest.config.ts"];

test("package-lock.json names no registry", () => {
  expect(read("package-lock.json")).not.toMatch(/"resolved": "(?!node_modules)/);
});

test("package-lock.json has a checksum for every package", () => {
  const { packages } = JSON.parse(read("package-lock.json")) as {
    packages: Record<string, { integrity?: string; link?: boolean }>;
  };
  const unchecked = Object.entries(packages).filter(
    ([path, { integrity, link }]) => path !== "" && !integrity && !link,
  );
  expect(unchecked.map(([path]) => path)).toEqual([]);
});

test("no file names a folder of somebody's machine", () => {
  const telling = files.filter((file) => /(?<![\w.])\/(work|root|home|Users)\/\w/.test(read(file)));
  expect(telling).toEqual([]);
});
