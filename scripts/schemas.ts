// Writes the published schemas anew: `npm run schemas`. A tidy test says where that has been forgotten.
import { writeFileSync } from "node:fs";
import { blueprintJsonSchema } from "../src/blueprint/interchange/document.ts";
import { workerAsyncApi, workerFramesJsonSchema } from "../src/protocol/worker-schemas.ts";

const published = {
  "blueprint.schema.json": blueprintJsonSchema(),
  "worker-frames.schema.json": workerFramesJsonSchema(),
  "worker-protocol.asyncapi.json": workerAsyncApi(),
};
for (const [name, document] of Object.entries(published)) {
  const url = new URL(`../docs/${name}`, import.meta.url);
  writeFileSync(url, `${JSON.stringify(document, null, 2)}\n`);
}
