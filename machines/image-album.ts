// Jobs of jobs: each photo of an album goes through the image pipeline, as a job of its own.
import { blueprint, job } from "avtomatika";
import { assign, setup } from "xstate";
import { z } from "zod";
import { imagePipeline } from "./image-pipeline.ts";

const Album = z.object({
  /** Each with a directory of its own for what is made. */
  photos: z.array(z.object({ source: z.string(), directory: z.string() })).min(1),
});
type Album = z.infer<typeof Album>;

interface Context extends Album {
  /** The contact sheets of the photos so far. */
  readonly sheets: readonly string[];
  readonly problems: readonly string[];
}

const machine = setup({
  types: {
    input: {} as Album,
    context: {} as Context,
    events: {} as { type: "STOP" },
    output: {} as Pick<Context, "sheets" | "problems">,
  },
  actors: { pipeline: job(imagePipeline) },
  guards: {
    hasMore: ({ context: { photos, sheets, problems } }) =>
      sheets.length + problems.length < photos.length,
  },
  actions: {
    keepSheet: assign(({ context }, { sheet }: { sheet: string }) => ({
      sheets: [...context.sheets, sheet],
    })),
    keepProblem: assign(({ context }, { problem }: { problem: string }) => ({
      problems: [...context.problems, problem],
    })),
  },
}).createMachine({
  id: "image_album",
  context: ({ input }) => ({ ...input, sheets: [], problems: [] }),
  initial: "choosing",
  states: {
    choosing: {
      always: [{ guard: "hasMore", target: "developing" }, { target: "completed" }],
    },
    developing: {
      description: "One photo. Leaving this state cancels its job.",
      invoke: {
        id: "photo",
        src: "pipeline",
        input: ({ context: { photos, sheets, problems } }) =>
          photos[sheets.length + problems.length]!,
        onDone: [
          {
            guard: ({ event }) => event.output.sheet !== null,
            target: "choosing",
            actions: { type: "keepSheet", params: ({ event }) => ({ sheet: event.output.sheet! }) },
          },
          {
            target: "choosing",
            actions: {
              type: "keepProblem",
              params: ({ event }) => ({ problem: event.output.problem ?? "no sheet" }),
            },
          },
        ],
        onError: {
          target: "choosing",
          actions: {
            type: "keepProblem",
            params: ({ event }) => ({ problem: (event.error as { message: string }).message }),
          },
        },
      },
      on: { STOP: "stopped" },
    },
    completed: { type: "final" },
    stopped: { type: "final" },
  },
  output: ({ context: { sheets, problems } }) => ({ sheets, problems }),
});

export const imageAlbum = blueprint("image_album", {
  version: "1",
  apiVersion: "v1",
  endpoint: "/jobs/image_album",
  input: Album,
  machine,
});
