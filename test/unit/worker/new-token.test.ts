// The token of a worker that runs: changed over open connections, for one server or for all.
import { pino } from "pino";
import { afterEach, describe, expect, test } from "vitest";
import { WorkerTokens } from "../../../src/gateway/worker-tokens.ts";
import { eventually } from "../../support/eventually.ts";
import { echoFlow } from "../../support/sample-blueprints.ts";
import { openWire, token, type Wire } from "../../support/wire-world.ts";
import { plainHello, type Peer } from "../gateway/gateway-world.ts";

const open: Wire[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** Two servers, each with a token of its own for the worker. */
async function openTwo() {
  const openAt = async (own: string) => {
    const tokens = new WorkerTokens(token, new Map([["w1", { token: own }]]));
    const node = await openWire([echoFlow], { tokens });
    open.push(node);
    return { tokens, node, url: `http://127.0.0.1:${node.port()}` };
  };
  const [a, b] = await Promise.all([openAt("of-a"), openAt("of-b")]);
  const orchestrators = [
    { url: a.url, token: "of-a" },
    { url: b.url, token: "of-b" },
  ];
  return { a, b, orchestrators };
}

describe("a new token", () => {
  test("takes the place of the old one over the connection that is open", async () => {
    const tokens = new WorkerTokens(token, new Map([["w1", { token: "first" }]]));
    const node = await openWire([echoFlow], { tokens });
    open.push(node);
    const heard = async (peer: Peer) => {
      peer.send({ type: "heartbeat", running: [] });
      await peer.next("heartbeat_ack");
    };
    const peer = await node.connect({ token: "first" });
    peer.send(plainHello);
    await peer.next("welcome");
    tokens.replace(new Map([["w1", { token: "second" }]]));
    peer.send({ type: "auth", token: "second" });
    await heard(peer);
    node.gateway.recheckTokens();
    await heard(peer);
    tokens.replace(new Map([["w1", { token: "third" }]]));
    node.gateway.recheckTokens();
    expect((await peer.closed).code).toBe(4001);
  });

  test("is what a worker connects with from then on", async () => {
    const tokens = new WorkerTokens(token, new Map([["w1", { token: "first" }]]));
    const node = await openWire([echoFlow], { tokens });
    open.push(node);
    const worker = node.make({ token: "first" }).task("echo", () => ({}));
    await worker.start();
    tokens.replace(new Map([["w1", { token: "second" }]]));
    worker.setToken("second");
    node.drop();
    await node.whileTimePasses(
      () => node.upgrades() === 2 && node.runtime.workers.list().length === 1,
    );
    await node.reaches(await node.start(), "completed");
  });

  test("may be for one of several servers", async () => {
    const { a, b, orchestrators } = await openTwo();
    const worker = a.node
      .make({ orchestrators, orchestratorMode: "round_robin" })
      .task("echo", () => ({}));
    await worker.start();
    const isAtBoth = (): boolean =>
      [a, b].every(({ node }) => node.runtime.workers.list().length === 1);
    await eventually(isAtBoth);
    a.tokens.replace(new Map([["w1", { token: "new-of-a" }]]));
    worker.setToken("new-of-a", a.url);
    for (const { node } of [a, b]) node.drop();
    await a.node.whileTimePasses(
      () => a.node.upgrades() === 2 && b.node.upgrades() === 2 && isAtBoth(),
    );
    expect(() => worker.setToken("x", "http://127.0.0.1:1")).toThrow("does not work for");
  });

  test("that is not good for the worker closes the connection with 4001", async () => {
    const tokens = new WorkerTokens(token, new Map([["other", { token: "others-token" }]]));
    const node = await openWire([echoFlow], { tokens });
    open.push(node);
    const { peer } = await node.welcomed();
    peer.send({ type: "auth", token });
    peer.send({ type: "heartbeat", running: [] });
    await peer.next("heartbeat_ack");
    peer.send({ type: "auth", token: "others-token" });
    expect(await peer.next("error")).toMatchObject({ code: "auth.invalid_token", fatal: true });
    expect((await peer.closed).code).toBe(4001);
  });

  test("brings a worker back to a server that had refused it, with the results that wait for that one", async () => {
    const { a, b, orchestrators } = await openTwo();
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    let logged = "";
    const log = pino({ level: "info" }, { write: (line) => void (logged += line) });
    const worker = a.node.make({ orchestrators, orchestratorMode: "round_robin", log });
    worker.task("echo", async () => {
      await finished;
      return {};
    });
    await worker.start();
    await eventually(() => b.node.runtime.workers.list().length === 1);
    const jobId = await b.node.start();
    await eventually(() => b.node.runtime.workers.list()[0]?.running === 1);
    b.tokens.replace(new Map([["w1", { token: "new-of-b" }]]));
    b.node.gateway.recheckTokens();
    // It is refused, and again; then that server is given up.
    await a.node.whileTimePasses(() => logged.includes("a server is given up"));
    finish();
    await a.node.workerClock.advance(60_000);
    expect(b.node.runtime.workers.list()).toEqual([]);
    worker.setToken("new-of-b", b.url);
    await b.node.reaches(jobId, "completed");
  });
});
