// What `avtomatika/client` exports: all that is needed to talk to a server.
export { createClient, type Client, type ClientOptions, type StartOptions } from "./client.ts";
export { connectClient, type ConnectedClient } from "./connect.ts";
export type { WatchOptions } from "./watch-job.ts";
export { RuntimeError, type ErrorCode } from "../errors.ts";
