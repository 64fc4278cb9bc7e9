// Who may open a worker connection, and what everyone else is told.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openGateway, token } from "./gateway-world.ts";

let world: Awaited<ReturnType<typeof openGateway>>;
beforeEach(async () => {
  world = await openGateway();
});
afterEach(() => world.close());

const headers = { authorization: `Bearer ${token}` };
const problem = ({ body }: { body: string }) => (JSON.parse(body) as { code: string }).code;

describe("an upgrade", () => {
  test("is refused without a token", async () => {
    const refusal = await world.refusal({});
    expect(refusal.status).toBe(401);
    expect(problem(refusal)).toBe("auth.missing_token");
  });

  test("is refused with a wrong token", async () => {
    const refusal = await world.refusal({ headers: { authorization: "Bearer wrong" } });
    expect(refusal.status).toBe(401);
    expect(problem(refusal)).toBe("auth.invalid_token");
  });

  test.each(["http://evil.example", "null", "http://127.0.0.1"])(
    "is refused with the origin %s, even with the right token",
    async (origin) => {
      const refusal = await world.refusal({ headers: { ...headers, origin } });
      expect(refusal.status).toBe(403);
      expect(problem(refusal)).toBe("auth.origin_refused");
    },
  );

  test.each(["token", "access_token", "Authorization", "x-worker-token"])(
    "is refused with a %s in the URL, even beside the right header",
    async (name) => {
      const path = `/_worker/ws?${name}=${token}`;
      const refusal = await world.refusal({ headers }, { path });
      expect(refusal.status).toBe(401);
      expect(problem(refusal)).toBe("auth.token_in_url");
      expect(refusal.body).not.toContain(token);
    },
  );

  test("is refused with another subprotocol, naming the one that is spoken", async () => {
    const subprotocols = ["avtomatika.worker.v0"];
    const refusal = await world.refusal({ headers }, { subprotocols });
    expect(refusal.status).toBe(426);
    expect(problem(refusal)).toBe("protocol.subprotocol_required");
    expect(refusal.body).toContain("avtomatika.worker.v1");
  });

  test("is refused while the server stops", async () => {
    const closed = world.gateway.close(0);
    const refusal = await world.refusal({ headers });
    expect(refusal.status).toBe(503);
    expect(problem(refusal)).toBe("server.stopping");
    await closed;
  });

  test.each(["/_worker/ws/w1/x", "/_worker/wsx", "/"])(
    "of another path (%s) is left to the caller",
    async (path) => {
      expect((await world.refusal({ headers }, { path })).status).toBe(418);
    },
  );

  test("that is accepted speaks the subprotocol, without compression", async () => {
    const { socket } = await world.connect();
    expect(socket.protocol).toBe("avtomatika.worker.v1");
    expect(socket.extensions).toBe("");
  });
});
