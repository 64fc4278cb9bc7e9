// The flags of commands that look into a store themselves, while no server does.
import type { Command } from "commander";

export function withStoreOptions(command: Command): Command {
  return command
    .option("--data <dir>", "the directory of the store (DATA_DIR)")
    .option("--redis-url <url>", "the Redis instead of it (REDIS_URL)")
    .option("--durability <level>", "relaxed, durable or replicated (DURABILITY)");
}
