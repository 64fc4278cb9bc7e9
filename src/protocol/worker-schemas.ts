// The worker protocol for other languages: every frame as JSON Schema, and the whole as an AsyncAPI 3 document.
import { z } from "zod";
import { serverFrames, workerFrames } from "./message.ts";
import { closeCodes, framesPerMessageMax, workerPath, workerSubprotocol } from "./worker-frames.ts";
import { protocolVersions } from "./worker-limits.ts";

type Json = Readonly<Record<string, unknown>>;

/** What each frame is for, in a line. */
const summaries: Readonly<Record<string, string>> = {
  hello:
    "First frame of every connection: who the worker is, what it can do, and what it still holds.",
  hello_more: "Another page of what the worker holds.",
  accept: "The worker runs the attempt.",
  reject: "The worker will not run the attempt; no retry is used up.",
  heartbeat: "Extends the lease of every attempt that it lists.",
  progress: "How far an attempt is, for those who watch.",
  checkpoint: "Where an attempt has got to; the latest one is handed to the next attempt.",
  event: "An event for the job whose task an attempt is; repeated until it is answered.",
  log: "A line of an attempt's log, for those who watch.",
  chunk: "A piece of a stream of an attempt, within the stream's credit.",
  result: "How an attempt has ended; kept and repeated until it is acknowledged.",
  release: "Gives an attempt back; it is queued again at once and uses up no retry.",
  credit: "The most tasks at once from now on, absolute.",
  labels: "Labels that the worker has from now on, and those that it has no more.",
  hot_cache: "What the worker has loaded since, and what it has no more.",
  auth: "A new token in the place of the one that the connection was opened with.",
  drain: "No more tasks, please; what runs is finished.",
  bye: "The worker goes.",
  welcome: "Answers the hello, with the decision about what the worker holds.",
  welcome_more: "Another page of that decision.",
  task: "An attempt to run, whose lease the worker has.",
  cancel: "Stop an attempt.",
  result_ack: "What became of a result, once that is durable.",
  checkpoint_ack: "What became of checkpoints, once that is durable.",
  event_ack: "What became of an event, once that is durable.",
  stream_credit: "How far a stream has come, and how far it may go.",
  heartbeat_ack: "Answers a heartbeat, with the attempts that are not the worker's any more.",
  goaway: "The server will close soon.",
  error: "What was wrong.",
};

const names = (frames: ReadonlyMap<string, unknown>): readonly string[] => [...frames.keys()];
const refs = (path: string, frames: ReadonlyMap<string, unknown>) =>
  names(frames).map((name) => ({ $ref: `${path}${name}` }));

/** @param target the dialect of JSON Schema */
function schemas(target: "draft-7" | "draft-2020-12"): Record<string, Json> {
  const all: readonly (readonly [string, z.ZodType])[] = [...workerFrames, ...serverFrames];
  return Object.fromEntries(
    all.map(([name, schema]) => {
      // What may be left out may be left out: readers fill in the defaults.
      const { $schema: _, ...json } = z.toJSONSchema(schema, { io: "input", target });
      return [name, { title: name, description: summaries[name], ...json }];
    }),
  );
}

/** Every frame as JSON Schema, and a message of either side: one frame, or an array of them. */
export function workerFramesJsonSchema(): Json {
  const message = (frames: ReadonlyMap<string, unknown>): Json => {
    const frame = { anyOf: refs("#/$defs/", frames) };
    const several = { type: "array", items: frame, maxItems: framesPerMessageMax };
    return { anyOf: [...frame.anyOf, several] };
  };
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: `Messages of ${workerSubprotocol}`,
    anyOf: [{ $ref: "#/$defs/message_of_worker" }, { $ref: "#/$defs/message_of_server" }],
    $defs: {
      ...schemas("draft-2020-12"),
      message_of_worker: message(workerFrames),
      message_of_server: message(serverFrames),
    },
  };
}

/** The protocol as AsyncAPI 3, from the server's side: it receives what workers send. */
export function workerAsyncApi(): Json {
  const frames = new Map<string, unknown>([...workerFrames, ...serverFrames]);
  const closes = Object.entries(closeCodes).map(([name, code]) => `${code} ${name}`);
  return {
    asyncapi: "3.0.0",
    info: {
      title: workerSubprotocol,
      version: `${Math.max(...protocolVersions)}.0.0`,
      description: `What workers and servers of Avtomatika say to each other over a WebSocket of the subprotocol "${workerSubprotocol}". A message is one frame or an array of up to ${framesPerMessageMax}. The page docs/protocol.md has the rules. Close codes: ${closes.join(", ")}.`,
    },
    defaultContentType: "application/json",
    servers: {
      node: {
        host: "{host}",
        protocol: "wss",
        description: "Any node of a server.",
        variables: { host: { default: "127.0.0.1:8080" } },
        security: [
          { $ref: "#/components/securitySchemes/bearer" },
          { $ref: "#/components/securitySchemes/header" },
        ],
      },
    },
    channels: {
      worker: {
        address: workerPath,
        description: "One WebSocket for each worker process.",
        servers: [{ $ref: "#/servers/node" }],
        messages: Object.fromEntries(
          names(frames).map((name) => [name, { $ref: `#/components/messages/${name}` }]),
        ),
        bindings: {
          ws: {
            method: "GET",
            headers: {
              type: "object",
              properties: {
                "Sec-WebSocket-Protocol": { type: "string", const: workerSubprotocol },
              },
              required: ["Sec-WebSocket-Protocol"],
            },
          },
        },
      },
    },
    operations: {
      receiveFromWorker: {
        action: "receive",
        summary: "What a worker says.",
        channel: { $ref: "#/channels/worker" },
        messages: refs("#/channels/worker/messages/", workerFrames),
      },
      sendToWorker: {
        action: "send",
        summary: "What a server says.",
        channel: { $ref: "#/channels/worker" },
        messages: refs("#/channels/worker/messages/", serverFrames),
      },
    },
    components: {
      messages: Object.fromEntries(
        names(frames).map((name) => [
          name,
          { name, summary: summaries[name], payload: { $ref: `#/components/schemas/${name}` } },
        ]),
      ),
      schemas: schemas("draft-7"),
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        header: { type: "httpApiKey", name: "X-Worker-Token", in: "header" },
      },
    },
  };
}
