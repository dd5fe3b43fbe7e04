/** The settings of `poll` in, what calling the function needs out, with nothing missing. */
import { ConfigurationError } from "./configuration-error.ts";
import type { Settings } from "./processes.ts";

export interface IndexerSettings {
  /** Name or ARN. */
  readonly functionName: string;
  readonly functionTimeoutMs: number;
  readonly maxPacks: number;
  readonly windowMs: number;
  readonly sourceArn: string;
  /** For packs that no call can hold. */
  readonly bucket: string;
  /** Null: what the AWS SDK finds. */
  readonly region: string | null;
  /** Null: AWS itself. */
  readonly endpoints: { readonly lambda: string | null; readonly s3: string | null };
}

/** @throws ConfigurationError naming the first variable that is missing or wrong. */
export function indexerSettings(settings: Settings<"poll">): IndexerSettings {
  if (settings.REDIS_FORMAT !== "packs") {
    throw new ConfigurationError(`REDIS_FORMAT=${settings.REDIS_FORMAT}: the function takes packs: must be packs`);
  }
  return {
    functionName: required("INDEXER_FUNCTION", settings),
    functionTimeoutMs: settings.INDEXER_TIMEOUT_SECONDS * 1000,
    maxPacks: settings.BATCH_PACKS,
    windowMs: settings.BATCHING_WINDOW_MS,
    sourceArn: settings.EVENT_SOURCE_ARN,
    bucket: required("LARGE_PACKS_BUCKET", settings),
    region: settings.AWS_REGION,
    endpoints: { lambda: settings.AWS_ENDPOINT_URL_LAMBDA, s3: settings.AWS_ENDPOINT_URL_S3 },
  };
}

const PURPOSE = {
  INDEXER_FUNCTION: "the function that applies packs (without one, use work)",
  LARGE_PACKS_BUCKET: "the S3 bucket for events that no call can hold",
} as const;

function required(name: keyof typeof PURPOSE, settings: Settings<"poll">): string {
  const value = settings[name];
  if (value === null) throw new ConfigurationError(`${name} is not set: must name ${PURPOSE[name]}`);
  return value;
}
