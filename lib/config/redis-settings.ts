/** The settings of `ingest` and `work` in, what both need of a Redis stream out. */
import { ConfigurationError } from "./configuration-error.ts";
import type { Settings } from "./processes.ts";

export interface RedisSettings {
  /** May hold a password. */
  readonly url: string;
  readonly streamKey: string;
  readonly group: string;
  readonly maxEvents: number;
  readonly format: "events" | "packs";
}

/** @throws ConfigurationError where REDIS_URL is missing. */
export function redisSettings(
  settings: Pick<
    Settings<"work">,
    "REDIS_URL" | "REDIS_STREAM_KEY" | "REDIS_CONSUMER_GROUP" | "REDIS_MAX_STREAM_LEN" | "REDIS_FORMAT"
  >,
): RedisSettings {
  if (settings.REDIS_URL === null) throw new ConfigurationError("REDIS_URL is not set: must name the Redis server");
  return {
    url: settings.REDIS_URL,
    streamKey: settings.REDIS_STREAM_KEY,
    group: settings.REDIS_CONSUMER_GROUP,
    maxEvents: settings.REDIS_MAX_STREAM_LEN,
    format: settings.REDIS_FORMAT,
  };
}
