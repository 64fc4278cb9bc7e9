// Real work on real image files, with sharp: probing, renditions, contact sheets.
import { mkdir, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import sharp, { type Sharp } from "sharp";
import { contactSheet, probeImage, renderImage } from "../../machines/task/image-tasks.ts";
import { defineTask, InvalidInputError } from "avtomatika/worker";

export const probe = defineTask(probeImage, async ({ params: { source } }) => {
  const bytes = await sizeOf(source);
  const { format, width, height } = await sharp(source)
    .metadata()
    .catch((error: Error) => {
      throw new InvalidInputError(`${source} is no image: ${error.message}`, { cause: error });
    });
  return { format, width, height, bytes };
});

export const render = defineTask(renderImage, async ({ params, signal, progress, attempt }) => {
  await sizeOf(params.source);
  progress(0.1, `reading ${params.source}`, { ratio: 0.1 });
  const image = sharp(params.source).resize({ width: params.width });
  signal.throwIfAborted();
  progress(0.5, `writing ${params.target}`, { ratio: 0.5 });
  return await write(image, params.target, attempt);
});

const tile = { width: 320, height: 240, gap: 16 };
const columnsMax = 4;

export const contact = defineTask(contactSheet, async ({ params, signal, progress, attempt }) => {
  const { images, target } = params;
  const tiles = [];
  for (const [index, source] of images.entries()) {
    signal.throwIfAborted();
    await sizeOf(source);
    const { width, height } = tile;
    const fit = { width, height, fit: "contain", background: "#1b1f24" } as const;
    tiles.push({
      input: await sharp(source).resize(fit).png().toBuffer(),
      left: tile.gap + (index % columnsMax) * (width + tile.gap),
      top: tile.gap + Math.floor(index / columnsMax) * (height + tile.gap),
    });
    const ratio = (index + 1) / (images.length + 1);
    progress(ratio, `${index + 1} of ${images.length}`, { ratio });
  }
  const columns = Math.min(columnsMax, images.length);
  const rows = Math.ceil(images.length / columnsMax);
  const sheet = sharp({
    create: {
      width: columns * (tile.width + tile.gap) + tile.gap,
      height: rows * (tile.height + tile.gap) + tile.gap,
      channels: 3,
      background: "#101216",
    },
  }).composite(tiles);
  return await write(sheet, target, attempt);
});

/** Write an image in the format of its file's name: under another name first, so that a half-written one is never seen. */
async function write(image: Sharp, target: string, attempt: number) {
  await mkdir(dirname(target), { recursive: true });
  const unfinished = target.replace(/(\.[^./]+)?$/, `.${attempt}.unfinished$1`);
  const { width, height, size } = await image.toFile(unfinished);
  await rename(unfinished, target);
  return { path: target, width, height, bytes: size };
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    throw new InvalidInputError(`There is no file ${path} for this worker.`, { cause: error });
  }
}
