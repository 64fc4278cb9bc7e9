// What a development server leaves for commands on the same machine: enough to find it, and for this user alone.
import { mkdtempSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import {
  completeConnection,
  leaveDevTokens,
  removeDevTokens,
} from "../../../src/cli/dev-tokens.ts";

const url = "http://127.0.0.1:4711";
const left = { url, client_token: "client", worker_token: "worker" };
let dataDirectory: string;
beforeEach(() => {
  dataDirectory = join(mkdtempSync(join(tmpdir(), "avtomatika-tokens-")), "data");
});

describe("with a server's tokens", () => {
  beforeEach(() => leaveDevTokens(dataDirectory, left));

  test("a command that is told nothing finds the server", async () => {
    expect(await completeConnection({ dataDirectory }, "client")).toEqual({ url, token: "client" });
    expect(await completeConnection({ dataDirectory }, "worker")).toEqual({ url, token: "worker" });
  });

  test("a token that is given wins", async () => {
    const given = { dataDirectory, token: "mine" };
    expect(await completeConnection(given, "client")).toEqual({ url, token: "mine" });
  });

  test("no other server is shown the token", async () => {
    const given = { dataDirectory, url: "http://elsewhere" };
    expect(await completeConnection(given, "client")).toEqual({
      url: "http://elsewhere",
      token: undefined,
    });
  });

  test("nobody else can read them, whoever could read the file before", async () => {
    const [file] = readdirSync(dataDirectory);
    await removeDevTokens(dataDirectory);
    writeFileSync(join(dataDirectory, file!), "{}", { mode: 0o644 });
    await leaveDevTokens(dataDirectory, left);
    expect(statSync(join(dataDirectory, file!)).mode & 0o777).toBe(0o600);
  });

  test("nothing is left once they are removed", async () => {
    await removeDevTokens(dataDirectory);
    expect(readdirSync(dataDirectory)).toEqual([]);
  });
});

test("without a server's tokens, its usual address is all there is", async () => {
  expect(await completeConnection({ dataDirectory }, "client")).toEqual({
    url: "http://127.0.0.1:8080",
    token: undefined,
  });
});
