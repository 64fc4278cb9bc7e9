// One way to POST for everything that is measured: `node:http` with connections that are kept.
import { Agent, request } from "node:http";

export interface HttpCaller {
  post(): Promise<{ readonly status: number | undefined; readonly text: string }>;
  close(): void;
}

/** @param callers how many connections there are at most */
export function httpCaller(
  url: URL,
  callers: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): HttpCaller {
  const agent = new Agent({ keepAlive: true, maxSockets: callers, noDelay: true });
  const all = {
    ...headers,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  };
  return {
    post: () =>
      new Promise((resolve, reject) => {
        const call = request(url, { agent, method: "POST", headers: all }, (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => (text += chunk));
          response.on("end", () => resolve({ status: response.statusCode, text }));
        });
        call.on("error", reject);
        call.end(body);
      }),
    close: () => agent.destroy(),
  };
}
