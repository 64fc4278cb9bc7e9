// The layout engine, in a thread of its own: layouts take tenths of a second that a server must not stand still for.
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { ElkNode } from "elkjs/lib/elk-api.js";

// The thread ends with its work, and takes the engine's memory with it.
const thread = `
const { parentPort, workerData } = require("node:worker_threads");
const ELK = require(workerData.engine);
const elk = new ELK();
const layout = (graph) => elk.layout(graph).catch(() => undefined);
Promise.all(workerData.graphs.map(layout)).then((graphs) => parentPort.postMessage(graphs));
`;

/**
 * Lay graphs out. Each answer is its graph with positions.
 *
 * @returns in the order of `graphs`; undefined for a graph that the engine could not do.
 */
export function elkLayout(graphs: readonly ElkNode[]): Promise<readonly (ElkNode | undefined)[]> {
  const engine = createRequire(import.meta.url).resolve("elkjs");
  const worker = new Worker(thread, { eval: true, workerData: { engine, graphs }, execArgv: [] });
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", () => reject(new Error("The layout thread ended without an answer.")));
  });
}
