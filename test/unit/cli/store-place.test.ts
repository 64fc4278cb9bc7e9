// What a server says of where its jobs are: the store that it really uses, and no secret.
import { expect, test } from "vitest";
import { storePlace } from "../../../src/cli/store-place.ts";
import { readConfig } from "../../../src/config.ts";

const placeWith = (env: Record<string, string>) =>
  storePlace(readConfig({ env: { DATA_DIR: "/var/jobs", ...env }, envFile: "/nowhere/.env" }));

test.each([
  [{}, { data: "/var/jobs" }],
  [
    { REDIS_URL: "rediss://ann:secret@redis.example:6380/2" },
    { redis: "redis.example:6380 (database 2, TLS, prefix avtomatika)" },
  ],
  [
    { REDIS_HOST: "::1", REDIS_PASSWORD: "secret", REDIS_KEY_PREFIX: "mine" },
    { redis: "[::1]:6379 (prefix mine)" },
  ],
  [
    {
      REDIS_SENTINELS: "s1,s2:5000",
      REDIS_SENTINEL_NAME: "jobs",
      REDIS_SENTINEL_PASSWORD: "secret",
    },
    { redis: "jobs of the Sentinels s1:26379, s2:5000 (prefix avtomatika)" },
  ],
  [
    { REDIS_CLUSTER: "c1:7000,c2:7001", REDIS_USERNAME: "ann", REDIS_PASSWORD: "secret" },
    { redis: "the cluster of c1:7000, c2:7001 (prefix avtomatika)" },
  ],
])("%j", (env, place) => expect(placeWith(env)).toEqual(place));
