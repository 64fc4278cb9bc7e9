// Real work on real files: probe an image, make three renditions at once, then a contact sheet of them.
import { blueprint } from "avtomatika";
import { assign, setup } from "xstate";
import { z } from "zod";
import { contactSheet, probeImage, renderImage } from "./task/image-tasks.ts";

const Input = z.object({
  /** The image, as a path that the workers can read. */
  source: z.string(),
  /** An existing directory for what is made. */
  directory: z.string(),
});
type Input = z.infer<typeof Input>;

const widths = { small: 320, medium: 640, large: 1280 };
type Size = keyof typeof widths;

export interface Context extends Input {
  readonly originalWidth: number;
  readonly renditions: Readonly<Partial<Record<Size, string>>>;
  readonly sheet: string | null;
  readonly problem: string | null;
}

const pipeline = setup({
  types: {
    input: {} as Input,
    context: {} as Context,
    output: {} as Pick<Context, "renditions" | "sheet" | "problem">,
  },
  actors: { probeImage, renderImage, contactSheet },
  actions: {
    keepRendition: assign(({ context }, { size, path }: { size: Size; path: string }) => ({
      renditions: { ...context.renditions, [size]: path },
    })),
    keepProblem: assign((_, { error }: { error: unknown }) => ({
      problem: (error as { readonly message: string }).message,
    })),
  },
});

/** One of the parallel regions: its rendition is under way, then done. */
const rendition = (size: Size) =>
  pipeline.createStateConfig({
    initial: "rendering",
    states: {
      rendering: {
        invoke: {
          id: `render_${size}`,
          src: "renderImage",
          input: ({ context }) => ({
            source: context.source,
            target: `${context.directory}/${size}.webp`,
            width: Math.min(widths[size], context.originalWidth),
          }),
          onDone: {
            target: "done",
            actions: {
              type: "keepRendition",
              params: ({ event }) => ({ size, path: event.output.path }),
            },
          },
          onError: {
            target: "#image_pipeline.failed",
            actions: { type: "keepProblem", params: ({ event }) => ({ error: event.error }) },
          },
        },
      },
      done: { type: "final" },
    },
  });

const machine = pipeline.createMachine({
  id: "image_pipeline",
  context: ({ input }) => ({
    ...input,
    originalWidth: 0,
    renditions: {},
    sheet: null,
    problem: null,
  }),
  initial: "probing",
  states: {
    probing: {
      invoke: {
        id: "probe",
        src: "probeImage",
        input: ({ context }) => ({ source: context.source }),
        onDone: {
          target: "rendering",
          actions: assign({ originalWidth: ({ event }) => event.output.width }),
        },
        onError: {
          target: "failed",
          actions: { type: "keepProblem", params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
    rendering: {
      type: "parallel",
      states: { small: rendition("small"), medium: rendition("medium"), large: rendition("large") },
      onDone: "composing",
    },
    composing: {
      invoke: {
        id: "sheet",
        src: "contactSheet",
        input: ({ context: { renditions, directory } }) => ({
          images: [renditions.small!, renditions.medium!, renditions.large!],
          target: `${directory}/contact-sheet.webp`,
        }),
        onDone: {
          target: "completed",
          actions: assign({ sheet: ({ event }) => event.output.path }),
        },
        onError: {
          target: "failed",
          actions: { type: "keepProblem", params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
    completed: { type: "final" },
    failed: { type: "final" },
  },
  output: ({ context: { renditions, sheet, problem } }) => ({ renditions, sheet, problem }),
});

export const imagePipeline = blueprint("image_pipeline", {
  version: "1",
  apiVersion: "v1",
  endpoint: "/jobs/image_pipeline",
  input: Input,
  machine,
});
