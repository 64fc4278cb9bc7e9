// What moved a job, in a few words: the messages of a history as people read them.
import { timerText } from "./timer-text.ts";

/** The types of messages that histories have. */
export const messageTypes = [
  "start",
  "event",
  "deferred",
  "done",
  "failed",
  "part",
  "progress",
  "timer",
  "restart",
  "restarted",
  "migrate",
  "redrive",
  "rejoined",
  "rewound",
  "stop",
] as const;
type MessageType = (typeof messageTypes)[number];

type Members = Readonly<Record<string, unknown>>;

/** A server of another release may say less, and of a message that is not known here the type is told. */
export function messageText(message: { readonly type: string }): string {
  const { type } = message;
  return isKnown(type) ? textOfType(type, message as Members) : type;
}

const isKnown = (type: string): type is MessageType =>
  (messageTypes as readonly string[]).includes(type);

function textOfType(type: MessageType, said: Members): string {
  const child = textOf(said["child"]);
  const by = `by ${textOf(said["by"])}`;
  switch (type) {
    case "start":
      return "start";
    case "deferred":
      return "a kept event is offered again";
    case "event":
      return textOf(member(said["event"], "type"));
    case "done":
      return `${child} ${textOf(said["status"] ?? "done")}`;
    case "failed":
      return `${child} failed (${textOf(member(said["error"], "code"))})`;
    case "part":
      return `${child} part ${textOf(said["part"])}`;
    case "progress":
      return `${child} progress`;
    case "timer":
      return `timer ${timerText(textOf(said["timer"]))}`;
    case "stop":
      return `stop (${textOf(said["reason"])})`;
    case "rewound":
      return `the store has lost what came up to revision ${textOf(said["lost"])}`;
    case "restart": {
      const { jobId, revision } = (said["from"] ?? {}) as Members;
      return `restart of ${textOf(jobId)} from revision ${textOf(revision)}, ${by}`;
    }
    case "redrive":
      return [
        `driven again after revision ${textOf(said["failed"])}`,
        ...(said["edited"] === undefined
          ? []
          : [`with other params for ${textOf(said["edited"])}`]),
        ...(said["by"] === undefined ? [] : [by]),
      ].join(", ");
    case "rejoined":
      return `${child} is heard again`;
    case "restarted":
      return `restarted as ${textOf(said["as"])}, ${by}`;
    case "migrate":
      return `migrate from version ${textOf(member(said["from"], "version"))}, ${by}`;
  }
}

function member(value: unknown, name: string): unknown {
  return (value as Members | null | undefined)?.[name];
}

const textOf = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "?";
