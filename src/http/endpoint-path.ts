// Where jobs of a blueprint are started.
import type { ServedBlueprint } from "./app-options.ts";

/** `/api/v1/jobs/test` for endpoint `/jobs/test` of API version `v1`; undefined for a blueprint without an endpoint. */
export function endpointPath({ endpoint, apiVersion }: ServedBlueprint): string | undefined {
  return endpoint === undefined ? undefined : `${apiPrefix(apiVersion)}${endpoint}`;
}

export function apiPrefix(apiVersion: string | undefined): string {
  return apiVersion === undefined ? "/api" : `/api/${apiVersion}`;
}
