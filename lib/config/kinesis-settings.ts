/** The settings of `ingest` in, what the Kinesis stream needs out, with nothing missing. */
import { ConfigurationError } from "./configuration-error.ts";
import type { Settings } from "./processes.ts";

type IngestSettings = Settings<"ingest">;

export interface KinesisSettings {
  readonly streamName: string;
  readonly tableName: string;
  readonly bucket: string;
  /** Null: what the AWS SDK finds. */
  readonly region: string | null;
  /** Null: AWS itself. */
  readonly endpoints: { readonly kinesis: string | null; readonly dynamodb: string | null; readonly s3: string | null };
  readonly standby: boolean;
}

/** @throws ConfigurationError naming the first variable that is missing. */
export function kinesisSettings(settings: IngestSettings): KinesisSettings {
  return {
    streamName: required("KINESIS_STREAM_NAME", settings),
    tableName: required("DYNAMODB_TABLE_NAME", settings),
    bucket: required("LARGE_PACKS_BUCKET", settings),
    region: settings.AWS_REGION,
    endpoints: {
      kinesis: settings.AWS_ENDPOINT_URL_KINESIS,
      dynamodb: settings.AWS_ENDPOINT_URL_DYNAMODB,
      s3: settings.AWS_ENDPOINT_URL_S3,
    },
    standby: settings.STANDBY,
  };
}

const PURPOSE = {
  KINESIS_STREAM_NAME: "the stream that packs go into",
  DYNAMODB_TABLE_NAME: "the table that holds the cursor",
  LARGE_PACKS_BUCKET: "the S3 bucket for events that no record of the stream can hold",
} as const;

function required(name: keyof typeof PURPOSE, settings: IngestSettings): string {
  const value = settings[name];
  if (value === null) throw new ConfigurationError(`${name} is not set: with Kinesis it must name ${PURPOSE[name]}`);
  return value;
}
