// Draws an image to try the image task handlers on.
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import sharp from "sharp";

const width = 1600;
const height = 1200;

/** Hills under a sun, each a little darker than the one behind it. */
function landscape(): string {
  const hills = ["#7fb7be", "#4f8f9a", "#2f6670", "#183f47"].map((colour, index) => {
    const top = 620 + index * 130;
    const crest = `Q ${300 + index * 90} ${top - 260} 800 ${top} T ${width} ${top - 40}`;
    return `<path d="M 0 ${top} ${crest} V ${height} H 0 Z" fill="${colour}"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <rect width="100%" height="100%" fill="#f4d9b0"/>
    <circle cx="1150" cy="380" r="170" fill="#f29c50"/>
    ${hills.join("")}
  </svg>`;
}

/**
 * Draw a landscape of 1600 × 1200 pixels into a file, in the format of its name.
 *
 * @returns the path.
 */
export async function drawSampleImage(path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await sharp(Buffer.from(landscape())).toFile(path);
  return path;
}
