// A Redis in this process, for store tests where there is no redis-server: it keeps nothing, and knows no flags of scripts.
import { createHash } from "node:crypto";
import { createRedisMock } from "js-redis-server";
import { scripts } from "../../src/store/redis/scripts.ts";

export interface RedisInJs {
  readonly port: number;
  close(): Promise<void>;
}

/** What it does not do, each with its reason: for conformance tests. */
export const notInJs = {
  "has another epoch in each life": "a Redis in JavaScript goes on living",
};

/** Say that there is no redis-server, and start the other one. */
export async function startRedisInJs(): Promise<RedisInJs> {
  console.warn("There is no redis-server: this runs on js-redis-server, without restarts and AOF.");
  for (const script of Object.values(scripts)) {
    // A line that Redis 7 reads and Lua does not.
    const text = script.text.replace(/^#!.*$/m, "");
    Object.assign(script, { text, hash: createHash("sha1").update(text).digest("hex") });
  }
  const redis = await createRedisMock();
  return { port: redis.port, close: () => redis.close() };
}
