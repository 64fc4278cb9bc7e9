// The console's pages: what is served, with which headers, and what is not.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openHttpWorld, type HttpWorld } from "./http-world.ts";

let parent: string;
let world: HttpWorld;
beforeEach(async () => {
  parent = mkdtempSync(join(tmpdir(), "avtomatika-pages-"));
  world = await openHttpWorld({ consoleDirectory: join(parent, "console") });
});
afterEach(() => rmSync(parent, { recursive: true }));

function build(): void {
  mkdirSync(join(parent, "console/assets"), { recursive: true });
  writeFileSync(join(parent, "console/index.html"), "<!doctype html><title>Console</title>");
  writeFileSync(join(parent, "console/assets/main-1a2b.js"), "export {};");
  writeFileSync(join(parent, "secret.txt"), "not yours");
}
const get = (path: string) => world.app.request(path);

test("the root leads to the console", async () => {
  for (const path of ["/", "/console"]) {
    const answer = await get(path);
    expect([answer.status, answer.headers.get("location")]).toEqual([302, "/console/"]);
  }
});

test("a console that has not been built says how to build it, and is there once it has", async () => {
  const answer = await get("/console/");
  expect(answer.status).toBe(503);
  expect(await answer.text()).toContain("npm run build:console");
  build();
  expect((await get("/console/")).status).toBe(200);
});

test("a page of its own, however deep, is the console", async () => {
  build();
  for (const path of ["/console/", "/console/jobs/0_x"]) {
    const answer = await get(path);
    expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(answer.headers.get("cache-control")).toBe("no-cache");
    expect(await answer.text()).toContain("<title>Console</title>");
  }
});

test("pages may run only scripts of ours, talk only to us, and stand in no frame", async () => {
  build();
  const policy = (await get("/console/")).headers.get("content-security-policy");
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self';");
  expect(policy).toContain("connect-src 'self'");
  expect(policy).toContain("frame-ancestors 'none'");
});

test("files with a hash in their name are kept for ever", async () => {
  build();
  const answer = await get("/console/assets/main-1a2b.js");
  expect(answer.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
  expect(answer.headers.get("cache-control")).toContain("immutable");
  expect((await get("/console/assets/main-other.js")).status).toBe(404);
});

test.each([
  "/console/../secret.txt",
  "/console/%2e%2e/secret.txt",
  "/console/..%2fsecret.txt",
  "/console/assets/..%2f..%2fsecret.txt",
  "/console/%2e%2e%5csecret.txt",
  "/console//../secret.txt",
  "/console/%00.txt",
  "/console/%zz.txt",
])("nothing outside is served: %s", async (path) => {
  build();
  const answer = await get(path);
  expect(answer.status).toBe(404);
  expect(await answer.text()).not.toContain("not yours");
});
