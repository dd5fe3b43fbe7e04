/** The settings of `ingest`, `work` and `poll` in, what they need of a Redis stream out. */
import { ConfigurationError } from "./configuration-error.ts";
import type { Settings } from "./processes.ts";

export interface RedisSettings {
  /** May hold a password. */
  readonly url: string;
  /** Where its password is, if it is in Secrets Manager. */
  readonly secret: RedisSecret | null;
  readonly streamKey: string;
  readonly group: string;
  readonly maxEvents: number;
  readonly format: "events" | "packs";
}

export interface RedisSecret {
  readonly secretId: string;
  /** Null: what the AWS SDK finds. */
  readonly region: string | null;
  /** Null: AWS itself. */
  readonly secretsEndpoint: string | null;
}

/** @throws ConfigurationError where REDIS_URL is missing. */
export function redisSettings(
  settings: Pick<
    Settings<"work">,
    | "REDIS_URL"
    | "REDIS_SECRET_ARN"
    | "AWS_REGION"
    | "AWS_ENDPOINT_URL_SECRETS_MANAGER"
    | "REDIS_STREAM_KEY"
    | "REDIS_CONSUMER_GROUP"
    | "REDIS_MAX_STREAM_LEN"
    | "REDIS_FORMAT"
  >,
): RedisSettings {
  if (settings.REDIS_URL === null) throw new ConfigurationError("REDIS_URL is not set: must name the Redis server");
  const {
    REDIS_SECRET_ARN: secretId,
    AWS_REGION: region,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsEndpoint,
  } = settings;
  return {
    url: settings.REDIS_URL,
    secret: secretId === null ? null : { secretId, region, secretsEndpoint },
    streamKey: settings.REDIS_STREAM_KEY,
    group: settings.REDIS_CONSUMER_GROUP,
    maxEvents: settings.REDIS_MAX_STREAM_LEN,
    format: settings.REDIS_FORMAT,
  };
}
