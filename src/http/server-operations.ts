// What clients hear about the server itself: whether it works, its workers, its blueprints and their charts.
import { RuntimeError } from "../errors.ts";
import {
  chartContentTypes,
  type BlueprintEntry,
  type ChartFormat,
} from "../protocol/blueprint-contract.ts";
import { metricsContentType } from "../protocol/contract.ts";
import { apiHeaders, json, type JsonAnswer } from "./answer.ts";
import type { AppOptions, ServedBlueprint } from "./app-options.ts";
import { endpointPath } from "./endpoint-path.ts";
import { workerAnswer } from "./job-answer.ts";
import { metricsText } from "./metrics.ts";
import { openApiDocument } from "./open-api.ts";
import type { Handlers } from "./operation.ts";

export type ServerOperations = Handlers<
  | "getStatus"
  | "getMetrics"
  | "listQuarantined"
  | "reloadWorkers"
  | "getHealth"
  | "getReadiness"
  | "getOpenApi"
  | "listWorkers"
  | "listPlainWorkers"
  | "getDashboard"
  | "listBlueprints"
  | "getContract"
  | "getChart"
  | "getGraph"
>;

export function serverOperations({
  jobs,
  workers,
  blueprints,
  charts,
  contractOf,
  instanceId,
  unready,
  reloadWorkers,
  storeCondition,
  rewinds = () => ({ rewound: 0, lost: 0 }),
}: AppOptions): ServerOperations {
  const fine = () => json({ status: "ok" });
  const listWorkers = () => json(workers.list().map((worker) => workerAnswer(worker, instanceId)));
  let document: JsonAnswer | undefined;

  return {
    getStatus: fine,
    async getMetrics() {
      const text = metricsText(await jobs.count(), workers.list(), rewinds());
      return new Response(text, { headers: { "content-type": metricsContentType, ...apiHeaders } });
    },
    async listQuarantined() {
      const { jobs: quarantined } = await jobs.list({ status: "quarantined", limit: 1000 });
      return json(quarantined.map(({ jobId }) => jobId));
    },
    async reloadWorkers() {
      if (!reloadWorkers)
        throw new RuntimeError(
          "request.invalid",
          "WORKERS_CONFIG_PATH is not set, cannot reload configs.",
        );
      await reloadWorkers();
      return json({ status: "worker_configs_reloaded" });
    },
    getHealth: fine,
    getReadiness() {
      const reason = unready();
      if (reason !== undefined) throw new RuntimeError("server.not_ready", reason);
      return json({ status: "ok", ...(storeCondition && { store: storeCondition() }) });
    },
    getOpenApi() {
      document ??= json(openApiDocument(blueprints.list(), contractOf));
      return document;
    },
    listWorkers,
    listPlainWorkers: listWorkers,
    async getDashboard() {
      // `queued` counts jobs that wait for their first step. Here that step is made before a start is answered.
      return json({
        workers: { total: workers.list().length },
        jobs: { queued: 0, ...(await jobs.count()) },
      });
    },
    listBlueprints: () => json(blueprints.list().map(blueprintAnswer)),
    getContract({ params, query }) {
      const { name, version } = served(params.name, query.version);
      return json(contractOf(name, version));
    },
    getChart: ({ params, query }) => chart(params.name, query.version, query.format),
    getGraph: ({ params, query }) => chart(params.name, query.version, "dot"),
  };

  function served(name: string, version: string | undefined): ServedBlueprint {
    const blueprint = blueprints.get(name, version);
    if (blueprint) return blueprint;
    throw new RuntimeError("blueprint.not_found", "Blueprint not found", { name });
  }

  async function chart(
    name: string,
    version: string | undefined,
    format: ChartFormat,
  ): Promise<Response> {
    const blueprint = served(name, version);
    const text = await charts.render(blueprint.name, blueprint.version, format);
    return new Response(text, {
      headers: {
        "content-type": chartContentTypes[format],
        ...apiHeaders,
        // An SVG that is opened by itself is a page: it may look like something, and do nothing.
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
      },
    });
  }
}

function blueprintAnswer(blueprint: ServedBlueprint): BlueprintEntry {
  const { name, version, style, fingerprint } = blueprint;
  const start = endpointPath(blueprint);
  return { name, version, style, shape: fingerprint.shape, ...(start !== undefined && { start }) };
}
