// Where a server keeps its jobs, as its start tells it: never with a user or a password.
import type { StoreChoice } from "../open-store.ts";

type Redis = NonNullable<StoreChoice["redis"]>;
type Address = Extract<Redis["deployment"], { kind: "single" }>["server"];

/** One member: `data` with the directory, or `redis` with what leads there. */
export function storePlace({
  redis,
  dataDirectory,
}: StoreChoice): Readonly<Record<string, string>> {
  if (!redis) return { data: dataDirectory };
  const { access, deployment, prefix } = redis;
  const details = [
    ...(access.database ? [`database ${access.database}`] : []),
    ...(access.tls ? ["TLS"] : []),
    `prefix ${prefix}`,
  ];
  return { redis: `${serversOf(deployment)} (${details.join(", ")})` };
}

function serversOf(deployment: Redis["deployment"]): string {
  switch (deployment.kind) {
    case "single":
      return addressText(deployment.server);
    case "sentinel":
      return `${deployment.name} of the Sentinels ${deployment.sentinels.map(addressText).join(", ")}`;
    case "cluster":
      return `the cluster of ${deployment.seeds.map(addressText).join(", ")}`;
  }
}

const addressText = ({ host, port }: Address): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`;
