// A TCP proxy before a Redis that does to connections what networks do: cut them, lose what is on its way, or hold it up.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface RedisProxy {
  readonly port: number;
  /** Let the next calls through, lose their answers, and break their connection. */
  loseNextAnswer(): void;
  /**
   * Keep the next calls from arriving, and break their connection for the caller alone.
   *
   * @returns lets them arrive after all
   */
  holdNextCall(): () => void;
  /** Let nothing through in either direction, and break nothing. */
  swallow(isOn: boolean): void;
  /** Break every connection. */
  cut(): void;
  close(): Promise<void>;
}

export async function startRedisProxy(target: number): Promise<RedisProxy> {
  const sockets = new Set<Socket>();
  let mode: "pass" | "lose" | "hold" | "swallow" = "pass";
  let release = () => {};
  const server = createServer((client) => {
    const redis = connect(target, "127.0.0.1");
    let isHeld = false;
    for (const socket of [client, redis]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => sockets.delete(socket));
    }
    client.on("close", () => isHeld || redis.destroy());
    redis.on("close", () => client.destroy());
    client.on("data", (call) => {
      if (mode === "swallow") return;
      if (mode === "hold" && isChange(call)) {
        mode = "pass";
        isHeld = true;
        release = () => void redis.write(call);
        client.destroy();
        return;
      }
      redis.write(call);
    });
    redis.on("data", (answer) => {
      if (mode === "swallow" || isHeld) return;
      if (mode === "lose" && !isPong(answer)) {
        mode = "pass";
        client.destroy();
        return;
      }
      client.write(answer);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    loseNextAnswer: () => void (mode = "lose"),
    holdNextCall() {
      mode = "hold";
      return () => release();
    },
    swallow: (isOn) => void (mode = isOn ? "swallow" : "pass"),
    cut,
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}

const isChange = (call: Buffer): boolean => call.includes("EVALSHA");
/** Heartbeats come when they like. */
const isPong = (answer: Buffer): boolean => answer.toString() === "+PONG\r\n";
