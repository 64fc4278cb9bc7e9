// Which headers carry a token, and which token is right.
import { expect, test } from "vitest";
import { createAuthenticate } from "../../../src/http/auth.ts";

const authenticate = createAuthenticate({
  shared: "the right one",
  named: new Map([["ops", "t0ken"]]),
});
const given = (headers: Readonly<Record<string, string>>) => authenticate((name) => headers[name]);

test.each([
  [{}, "missing"],
  [{ authorization: "Basic dXNlcjpwYXNz" }, "missing"],
  [{ authorization: "Bearer" }, "missing"],
  [{ "x-worker-token": "the right one" }, "missing"],
  [{ "x-avtomatika-token": "" }, "invalid"],
  [{ "x-avtomatika-token": "the right" }, "invalid"],
  [{ "x-avtomatika-token": "the right one " }, "invalid"],
  [{ "x-avtomatika-token": "the right one" }, "ok"],
  [{ "x-avtomatika-token": "wrong", authorization: "Bearer x" }, "invalid"],
])("%j is %s", (headers, outcome) => expect(given(headers)).toEqual({ outcome }));

test.each(["Bearer t0ken", "bearer t0ken", "BEARER  t0ken "])("%s is a bearer", (authorization) => {
  expect(given({ authorization })).toEqual({ outcome: "ok", client: "ops" });
});

test("a server with named tokens alone takes no other", () => {
  const named = createAuthenticate({
    named: new Map([
      ["ops", "one"],
      ["ci", "two"],
    ]),
  });
  const by = (token: string) =>
    named((name) => (name === "x-avtomatika-token" ? token : undefined));
  expect(by("two")).toEqual({ outcome: "ok", client: "ci" });
  expect(by("")).toEqual({ outcome: "invalid" });
  expect(by("undefined")).toEqual({ outcome: "invalid" });
});
