// Which headers carry a token, and which token is right.
import { expect, test } from "vitest";
import { clientTokenHeader, createAuthenticate } from "../../../src/http/auth.ts";

const authenticate = createAuthenticate("the right one", clientTokenHeader);
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
])("%j is %s", (headers, outcome) => expect(given(headers)).toBe(outcome));

test.each(["Bearer t0ken", "bearer t0ken", "BEARER  t0ken "])("%s is a bearer", (authorization) => {
  const byBearer = createAuthenticate("t0ken", clientTokenHeader);
  expect(byBearer((name) => (name === "authorization" ? authorization : undefined))).toBe("ok");
});
