// Lists of attempts that are too long for one frame, over several: what a worker says in its hello, and what it is answered.
import type { z } from "zod";
import type {
  AttemptRef,
  Hello,
  HelloMore,
  Welcome,
  WelcomeMore,
} from "../src/protocol/worker-frames.ts";
import { refsPerFrameMax } from "../src/protocol/worker-limits.ts";

/** A hello as the frames that it takes: nearly always one. */
export function helloFrames(
  hello: z.input<typeof Hello>,
): readonly (z.input<typeof Hello> | z.input<typeof HelloMore>)[] {
  const { running = [], outbox = [] } = hello;
  const pages = Math.max(1, Math.ceil((running.length + outbox.length) / refsPerFrameMax));
  return Array.from({ length: pages }, (_, page) => {
    const from = page * refsPerFrameMax;
    const part = {
      running: running.slice(from, from + refsPerFrameMax),
      outbox: outbox.slice(
        Math.max(0, from - running.length),
        Math.max(0, from + refsPerFrameMax - running.length),
      ),
      ...(page < pages - 1 && { more: true }),
    };
    return page === 0 ? { ...hello, ...part } : { type: "hello_more", ...part };
  });
}

/** Attempts in lists that a frame can have; one of them, where there are none. */
export function* refPages(refs: readonly AttemptRef[]): Generator<AttemptRef[]> {
  for (let from = 0; from === 0 || from < refs.length; from += refsPerFrameMax)
    yield refs.slice(from, from + refsPerFrameMax);
}

/** A welcome with one more page. */
export function withPage(welcome: Welcome, { keep, drop, want, more }: WelcomeMore): Welcome {
  return {
    ...welcome,
    keep: [...welcome.keep, ...keep],
    drop: [...welcome.drop, ...drop],
    want: [...welcome.want, ...want],
    more,
  };
}
