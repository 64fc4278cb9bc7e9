// The client process of the floors: bare round trips over HTTP and WebSocket, measured like jobs are.
import { once } from "node:events";
import { parseArgs } from "node:util";
import { WebSocket } from "ws";
import { closedLoop } from "./closed-loop.ts";
import { bodyOfEcho, frameOfFloor } from "./floor-texts.ts";
import { httpCaller } from "./http-caller.ts";

const { values } = parseArgs({ options: { url: { type: "string" }, ms: { type: "string" } } });
const extent = { ms: Number(values.ms) };
const cpuMs = async (): Promise<number> => Number(await (await fetch(`${values.url}/cpu`)).text());

async function posts(callers: number) {
  const caller = httpCaller(new URL(values.url!), callers, bodyOfEcho);
  await closedLoop(callers, { calls: 20 * callers }, () => caller.post());
  const before = await cpuMs();
  const figures = await closedLoop(callers, extent, () => caller.post());
  const serverCpuMs = ((await cpuMs()) - before) / figures.calls;
  caller.close();
  return { ...figures, serverCpuMs };
}

async function messages() {
  const socket = new WebSocket(values.url!.replace("http", "ws"), { perMessageDeflate: false });
  await once(socket, "open");
  const roundTrip = (): Promise<unknown> => {
    const answer = once(socket, "message");
    socket.send(frameOfFloor);
    return answer;
  };
  await closedLoop(1, { calls: 200 }, roundTrip);
  const figures = await closedLoop(1, extent, roundTrip);
  socket.close();
  return figures;
}

const [post1, post100, message1] = [await posts(1), await posts(100), await messages()];
process.stdout.write(JSON.stringify({ post1, post100, message1 }));
