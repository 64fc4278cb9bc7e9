// A TCP proxy with weather: it cuts, delays and swallows what goes through, and mends again.
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface WeatherProxy {
  readonly port: number;
  /** Break every connection, and refuse new ones. */
  cut(): void;
  /** Hold back everything for so long, in milliseconds, in both directions. */
  delay(ms: number): void;
  /** Take everything and pass nothing on; connections stay open, as behind a dead router. */
  swallow(): void;
  /** Fair weather again. What has been swallowed is lost, so its connections are broken. */
  mend(): void;
  close(): Promise<void>;
}

/** @param target the port of 127.0.0.1 that connections go to */
export async function startWeatherProxy(target: number): Promise<WeatherProxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let isSwallowing = false;
  let delayMs = 0;

  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  };
  const pass = (from: Socket, to: Socket): void => {
    from.on("data", (data) => {
      if (isSwallowing) return;
      // All timers of one length end in the order they were set, so the bytes stay in order.
      if (delayMs > 0) setTimeout(() => to.write(data), delayMs);
      else to.write(data);
    });
    from.on("close", () => to.destroy());
  };
  const server = createServer((client) => {
    if (isCut) return void client.destroy();
    const upstream = connect(target, "127.0.0.1");
    keep(client);
    keep(upstream);
    pass(client, upstream);
    pass(upstream, client);
    return undefined;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const breakAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      isCut = true;
      breakAll();
    },
    delay: (ms) => void (delayMs = ms),
    swallow: () => void (isSwallowing = true),
    mend() {
      if (isSwallowing || delayMs > 0) breakAll();
      isCut = isSwallowing = false;
      delayMs = 0;
    },
    async close() {
      isCut = true;
      breakAll();
      server.close();
      await once(server, "close");
    },
  };
}
