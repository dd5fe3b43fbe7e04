/** One typed schema per process: which settings it reads. */
import { z } from "zod";
import { SETTINGS, type SettingName } from "./settings.ts";

type SchemaOf<Name extends SettingName> = z.ZodObject<{ [Key in Name]: (typeof SETTINGS)[Key]["type"] }>;

function schemaOf<const Name extends SettingName>(...names: readonly Name[]): SchemaOf<Name> {
  const shape = Object.fromEntries(names.map((name) => [name, SETTINGS[name].type]));
  // Object.fromEntries forgets which key has which type; `names` is where both come from.
  return z.object(shape) as unknown as SchemaOf<Name>;
}

const DATABASE = ["DATABASE_URL", "DATABASE_SCHEMA", "STANDPIPE_DATA_DIR", "LOG_LEVEL"] as const;
const LONG_LIVED = ["PORT", "HTTP_HOST", "WAITS_PERCENT"] as const;
const SOURCE = ["RELAY_URL", "COLLECTIONS", "LANES", "MAX_IN_FLIGHT_MB"] as const;
const REDIS = [
  "REDIS_URL",
  "REDIS_SECRET_ARN",
  "AWS_REGION",
  "AWS_ENDPOINT_URL_SECRETS_MANAGER",
  "REDIS_STREAM_KEY",
  "REDIS_CONSUMER_GROUP",
  "REDIS_MAX_STREAM_LEN",
  "REDIS_FORMAT",
] as const;
const STREAM = ["STREAM", ...REDIS, "KINESIS_STREAM_NAME", "AWS_ENDPOINT_URL_KINESIS"] as const;
/** What only the writer of a Redis stream needs, and what only its reader. */
const REDIS_WRITER = ["REDIS_CURSOR_KEY", "REDIS_TRIM", "REDIS_PROTECT_GROUPS"] as const;
const REDIS_READER = [
  "REDIS_MAX_DELIVERIES",
  "REDIS_DEAD_LETTER_MAXLEN",
  "RELAY_URL",
  "LANES",
  "CONSUMER_ID",
  // What it does for an ingester without a database, and what it tells of the stream.
  "REDIS_CURSOR_KEY",
  "DYNAMODB_TABLE_NAME",
  "AWS_ENDPOINT_URL_DYNAMODB",
  "EMF_NAMESPACE",
] as const;
/** What the ingester needs beside a Kinesis stream. */
const AWS = [
  "AWS_REGION",
  "DYNAMODB_TABLE_NAME",
  "AWS_ENDPOINT_URL_DYNAMODB",
  "LARGE_PACKS_BUCKET",
  "AWS_ENDPOINT_URL_S3",
  "STANDBY",
  "EMF_NAMESPACE",
] as const;
const CONSUMER = ["DB_POOL_SIZE", "BATCH_SIZE", "TOMBSTONE_DAYS"] as const;

/** What a process on AWS needs for a database that it reaches with tokens or with a managed secret. */
const DATABASE_ON_AWS = [
  "DATABASE_AUTH",
  "DATABASE_SECRET_ARN",
  "AWS_REGION",
  "AWS_ENDPOINT_URL_SECRETS_MANAGER",
] as const;

/** Every process by the name of its command, and the functions on AWS by the name of their folder. */
const COMMANDS_AND_FUNCTIONS = {
  start: schemaOf(...SOURCE, ...CONSUMER, ...DATABASE, ...LONG_LIVED, "FIRST_TRY_SECONDS"),
  ingest: schemaOf(
    ...SOURCE,
    ...STREAM,
    ...REDIS_WRITER,
    ...AWS,
    ...LONG_LIVED,
    "DATABASE_URL",
    "FLUSH_AFTER_MS",
    "LOG_LEVEL",
  ),
  work: schemaOf(
    ...STREAM,
    ...REDIS_READER,
    ...CONSUMER,
    ...DATABASE,
    ...DATABASE_ON_AWS,
    ...LONG_LIVED,
    "COLLECTIONS",
    "PARALLEL_CONSUMERS",
  ),
  poll: schemaOf(
    ...REDIS,
    ...REDIS_READER,
    ...DATABASE_ON_AWS,
    ...LONG_LIVED,
    "DATABASE_URL",
    "DB_POOL_SIZE",
    "TOMBSTONE_DAYS",
    "INDEXER_FUNCTION",
    "INDEXER_TIMEOUT_SECONDS",
    "BATCH_PACKS",
    "BATCHING_WINDOW_MS",
    "EVENT_SOURCE_ARN",
    "AWS_ENDPOINT_URL_LAMBDA",
    "LARGE_PACKS_BUCKET",
    "AWS_ENDPOINT_URL_S3",
    "LOG_LEVEL",
  ),
  migrate: schemaOf(
    ...DATABASE,
    ...DATABASE_ON_AWS,
    "KINESIS_STREAM_NAME",
    "DYNAMODB_TABLE_NAME",
    "AWS_ENDPOINT_URL_DYNAMODB",
  ),
  status: schemaOf(...DATABASE, ...DATABASE_ON_AWS, "PORT"),
  sql: schemaOf(...DATABASE, ...DATABASE_ON_AWS),
  "dead-letters": schemaOf(...DATABASE, ...DATABASE_ON_AWS, "TOMBSTONE_DAYS"),
  compare: schemaOf(...DATABASE, ...DATABASE_ON_AWS, "COMPARE_DATABASE_URL"),
  redrive: schemaOf(
    "KINESIS_STREAM_NAME",
    "AWS_ENDPOINT_URL_KINESIS",
    "AWS_REGION",
    "FAILED_BATCHES_BUCKET",
    "AWS_ENDPOINT_URL_S3",
    "LANES",
    "TOMBSTONE_DAYS",
    "LOG_LEVEL",
  ),
  rewind: schemaOf(
    "KINESIS_STREAM_NAME",
    "DYNAMODB_TABLE_NAME",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_REGION",
    "TOMBSTONE_DAYS",
    "LOG_LEVEL",
  ),
  relay: schemaOf("LOG_LEVEL"),
  "index-events": schemaOf(
    ...CONSUMER,
    ...DATABASE_ON_AWS,
    "DATABASE_URL",
    "DATABASE_SCHEMA",
    "COLLECTIONS",
    "LANES",
    "LARGE_PACKS_BUCKET",
    "AWS_ENDPOINT_URL_S3",
    "EMF_NAMESPACE",
    "LOG_LEVEL",
  ),
  freshness: schemaOf(...DATABASE_ON_AWS, "DATABASE_URL", "DATABASE_SCHEMA", "EMF_NAMESPACE", "LOG_LEVEL"),
} as const;

/** What runs as a task of its own for a person on AWS, one after the other: what any of these reads may be set for it. */
const { status, sql, "dead-letters": deadLetters, redrive, rewind } = COMMANDS_AND_FUNCTIONS;

export const PROCESSES = {
  ...COMMANDS_AND_FUNCTIONS,
  operations: z.object({ ...status.shape, ...sql.shape, ...deadLetters.shape, ...redrive.shape, ...rewind.shape }),
} as const;

export type ProcessName = keyof typeof PROCESSES;

/** The settings of one process, under the variables' own names. */
export type Settings<Name extends ProcessName> = z.infer<(typeof PROCESSES)[Name]>;
