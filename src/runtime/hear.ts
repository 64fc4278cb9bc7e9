// What this node does when another one tells it something. Every hint may be lost, late or twice.
import type { Hint } from "../store/nodes.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { DueLoops } from "./due-loops.ts";
import type { Followers } from "./followers.ts";
import type { JobEvents } from "./job-events.ts";
import type { Logger } from "../logger.ts";
import type { Queues } from "./queue-service.ts";
import type { JobEvent } from "./runtime.ts";
import type { NodeRelay } from "./relay.ts";
import type { Strays } from "./strays.ts";
import type { StreamTails } from "./stream-tails.ts";
import type { TurnRunner } from "./turn-runner.ts";
import type { Workers } from "./worker-service.ts";

export interface HearOptions {
  readonly dispatcher: Dispatcher;
  readonly dueLoops: DueLoops;
  readonly events: JobEvents;
  readonly followers: Followers;
  readonly relay: NodeRelay;
  readonly tails: StreamTails;
  readonly queues: Queues;
  readonly strays: Strays;
  readonly log: Logger;
  readonly turns: TurnRunner;
  readonly workers: Workers;
}

/** @returns what to listen with: it is called with nothing where hints may have been lost. */
export function createHear(options: HearOptions): (hint: Hint | undefined) => void {
  const { dispatcher, dueLoops, events, followers, queues, relay, strays } = options;
  const { tails, turns, workers, log } = options;
  const hearNews = (event: JobEvent): void => {
    if (event.type !== "chunk") events.publish(event);
    else if (tails.take(event)) events.streamed(event.jobId);
  };
  return (hint) => {
    switch (hint?.kind) {
      case undefined:
        events.movedUnseen();
        dueLoops.lookEverywhere();
        return;
      case "queued":
        dispatcher.queued(hint.shard, hint.queues);
        return;
      case "paused":
        queues.learn().catch((error: unknown) => {
          log.warn({ err: error }, "what is paused is not known");
        });
        return;
      case "moved":
        turns.forget(hint.jobId);
        events.moved(hint.jobId);
        return;
      case "stop":
        if (hint.holder === undefined) workers.stopAttempt(hint.taskId, hint.reason);
        else strays.stopHere({ ...hint, holder: hint.holder });
        return;
      case "followed":
        if (workers.runs(hint.jobId)) followers.add(hint.jobId, hint.nodeId);
        for (const event of tails.read(hint.jobId, 0).events)
          followers.tellNode(hint.nodeId, event);
        return;
      case "news":
        hearNews(hint.news as JobEvent);
        return;
      case "relayed":
        relay.heard(hint.message);
        return;
    }
  };
}
