/** Every environment variable that Standpipe reads, with its default and meaning. `docs/configuration.md` is made from this. */
import { hostname } from "node:os";
import { readCollectionPatterns, readDatabaseUrl, readLogLevel, readRelayUrls, readSwitch } from "./readings.ts";
import { matchingText, optionalSetting, setting, wholeNumber } from "./setting.ts";

const NO_SPACE = /^\S{1,512}$/;
const HTTP_ADDRESS = { allowed: "an http:// or https:// address", read: matchingText(/^https?:\/\/\S+$/) };

export const SETTINGS = {
  RELAY_URL: setting({
    allowed:
      "a wss:// or ws:// address (https:// and http:// mean the same) such as wss://bsky.network, without cursor or password, or several with commas between them",
    fallback: "wss://bsky.network",
    meaning: "The relay whose `com.atproto.sync.subscribeRepos` is read; a comma list is tried in turn.",
    read: readRelayUrls,
  }),
  DATABASE_URL: optionalSetting({
    allowed: "an address such as postgres://user:password@host:5432/database",
    meaning: "Where the rows go. Without it Standpipe runs an embedded Postgres in `STANDPIPE_DATA_DIR`.",
    secret: true,
    read: readDatabaseUrl,
  }),
  COMPARE_DATABASE_URL: optionalSetting({
    allowed: "an address such as postgres://user:password@host:5432/database",
    meaning:
      "The database that `compare` compares with: one with the tables of PublicAppView (Aurora Prism), or a second one of ours.",
    secret: true,
    read: readDatabaseUrl,
  }),
  DATABASE_AUTH: setting({
    allowed: "password or iam",
    fallback: "password",
    meaning:
      "How `DATABASE_URL`'s user is let in: with the password that is in it, or (`iam`) with tokens of AWS that are made and renewed by the process, over TLS with a certificate that is verified.",
    read: (text) => (text === "password" || text === "iam" ? text : undefined),
  }),
  DATABASE_SECRET_ARN: optionalSetting({
    allowed: "a secret's ARN, or its name: letters, digits and / _ + = . @ - :, 512 at the most",
    meaning:
      "A secret of AWS Secrets Manager with `username` and `password`, which then stand for those of `DATABASE_URL`; read again where the database refuses them. Over verified TLS, unless the address ends with `?sslmode=disable`.",
    read: matchingText(/^[A-Za-z0-9/_+=.@:-]{1,512}$/),
  }),
  DB_POOL_SIZE: wholeNumber({ from: 1, to: 100, fallback: 4, meaning: "Database connections of one process." }),
  DATABASE_SCHEMA: setting({
    allowed:
      "a schema's name of lower-case letters, digits and underscores, 63 at the most, no digit first; not standpipe, information_schema or pg_…, which are taken",
    fallback: "public",
    meaning: "The schema in which the views are; the base tables are in `standpipe`.",
    read: matchingText(/^(?!standpipe$|information_schema$|pg_)[a-z_][a-z0-9_]{0,62}$/),
  }),
  COLLECTIONS: setting({
    allowed:
      "* or collections such as app.bsky.feed.*,app.bsky.graph.follow (a * stands for whole segments, at the end)",
    fallback: "*",
    meaning:
      "Which collections are kept. A pattern matches whole NSID segments; a commit that is filtered out still advances its repo.",
    read: readCollectionPatterns,
  }),
  LANES: wholeNumber({
    from: 1,
    to: 4096,
    fallback: 8,
    meaning: "Lanes that events are spread over, by account. A constant of a deployment: drain before you change it.",
  }),
  MAX_IN_FLIGHT_MB: wholeNumber({
    from: 1,
    to: 4096,
    fallback: 8,
    meaning: "Megabytes of events that were received and are not yet durable; past it the relay's socket is paused.",
  }),
  WAITS_PERCENT: wholeNumber({
    from: 1,
    to: 100,
    fallback: 100,
    meaning:
      "How long the process waits, of what is usual: leases, watchdogs, time-outs, and the pauses before it tries again or saves its cursor. For tests of faults; the same for all processes of a deployment.",
  }),
  TOMBSTONE_DAYS: wholeNumber({
    from: 1,
    to: 365,
    fallback: 4,
    meaning:
      "Days for which deletes are remembered, so that older events may come again without harm. Longer than a relay's window of 72 hours.",
  }),
  PORT: wholeNumber({
    from: 0,
    to: 65_535,
    fallback: 8080,
    meaning: "Port of `/health`, `/ready`, `/metrics` and `/status`; 0 takes a free one and prints it.",
  }),
  HTTP_HOST: setting({
    allowed: "a host name or address to listen on",
    fallback: "0.0.0.0",
    meaning: "Address on which `PORT` listens: 127.0.0.1 keeps it to this machine.",
    read: matchingText(/^[A-Za-z0-9.:_-]{1,253}$/),
  }),
  STANDPIPE_DATA_DIR: setting({
    allowed: "a directory's path",
    fallback: ".standpipe",
    meaning: "The embedded database and caches.",
    read: matchingText(/^[^\0]{1,4096}$/),
  }),
  FIRST_TRY_SECONDS: wholeNumber({
    from: 1,
    to: 3600,
    fallback: 10,
    meaning:
      "Seconds that a first `start` without any setting waits for a relay before it plays the bundled recording.",
  }),
  LOG_LEVEL: setting({
    allowed: "one of debug, info, warn (or warning), error, silent, in any case",
    fallback: "info",
    meaning: "Least level of the lines on standard error.",
    read: readLogLevel,
  }),
  STREAM: optionalSetting({
    allowed: "redis or kinesis",
    meaning:
      "The stream of `ingest` and `work`. Inferred: `redis` where `REDIS_URL` is set, `kinesis` where `KINESIS_STREAM_NAME` is; with both it has to be said.",
    read: (text) => (text === "redis" || text === "kinesis" ? text : undefined),
  }),
  REDIS_URL: optionalSetting({
    allowed: "an address such as redis://host:6379",
    meaning: "The Redis or Valkey server that holds the stream.",
    secret: true,
    read: matchingText(/^rediss?:\/\/\S+$/),
  }),
  REDIS_SECRET_ARN: optionalSetting({
    allowed: "a secret's ARN, or its name: letters, digits and / _ + = . @ - :, 512 at the most",
    meaning:
      "A secret of AWS Secrets Manager with `username` (`default`, where the server knows only a password) and `password`, which then stand for those of `REDIS_URL`. Read when the process starts.",
    read: matchingText(/^[A-Za-z0-9/_+=.@:-]{1,512}$/),
  }),
  REDIS_STREAM_KEY: setting({
    allowed: "a key without spaces",
    fallback: "firehose:events",
    meaning: "Key of the Redis stream.",
    read: matchingText(NO_SPACE),
  }),
  REDIS_CONSUMER_GROUP: setting({
    allowed: "a name without spaces",
    fallback: "firehose-processors",
    meaning: "Consumer group that reads the Redis stream.",
    read: matchingText(NO_SPACE),
  }),
  REDIS_MAX_STREAM_LEN: wholeNumber({
    from: 1,
    to: 1_000_000_000,
    fallback: 500_000,
    meaning:
      "Events that may lie in the Redis stream. Where so many have not been handled, the ingester stops reading the relay until there is room.",
  }),
  REDIS_TRIM: setting({
    allowed: "handled or maxlen",
    fallback: "handled",
    meaning:
      "What is trimmed from the Redis stream: entries that `REDIS_CONSUMER_GROUP` has handled, or (`maxlen`) the oldest beyond `REDIS_MAX_STREAM_LEN` whether anybody has read them or not, which loses events; not with packs.",
    read: (text) => (text === "handled" || text === "maxlen" ? text : undefined),
  }),
  REDIS_PROTECT_GROUPS: setting({
    allowed: "own or all",
    fallback: "own",
    meaning:
      "Whose unhandled entries are never trimmed: those of `REDIS_CONSUMER_GROUP`, or of every group of the stream.",
    read: (text) => (text === "own" || text === "all" ? text : undefined),
  }),
  REDIS_MAX_DELIVERIES: wholeNumber({
    from: 1,
    to: 1_000_000,
    fallback: 10,
    meaning:
      "An entry that was delivered more often than this is worked event by event, so that a deadly one is found.",
  }),
  REDIS_DEAD_LETTER_MAXLEN: wholeNumber({
    from: 1,
    to: 1_000_000,
    fallback: 10_000,
    meaning:
      "Entries that the Redis stream `firehose:dead-letters` keeps, about. All dead letters are in the database; this is where established tools look.",
  }),
  REDIS_FORMAT: setting({
    allowed: "events or packs",
    fallback: "events",
    meaning: "Form of the Redis entries: the established one of three fields an event, or packs.",
    read: (text) => (text === "events" || text === "packs" ? text : undefined),
  }),
  REDIS_CURSOR_KEY: setting({
    allowed: "a key without spaces",
    fallback: "firehose:cursor",
    meaning:
      "Key of the cursor in Redis, a plain number; name an existing one (such as `firehose:python_cursor`) to take over from another ingester.",
    read: matchingText(NO_SPACE),
  }),
  KINESIS_STREAM_NAME: optionalSetting({
    allowed: "a stream's name: letters, digits, dot, dash or underscore, 128 at the most",
    meaning: "The Kinesis stream.",
    read: matchingText(/^[A-Za-z0-9_.-]{1,128}$/),
  }),
  AWS_ENDPOINT_URL_KINESIS: optionalSetting({
    ...HTTP_ADDRESS,
    meaning: "Another address for the Kinesis API, such as LocalStack's.",
  }),
  AWS_REGION: optionalSetting({
    allowed: "a region's name such as eu-central-1",
    meaning: "Region of stream, table and bucket. Without it, what the AWS SDK finds in its own configuration.",
    read: matchingText(/^[a-z]{2}(?:-[a-z]+)+-\d$/),
  }),
  DYNAMODB_TABLE_NAME: optionalSetting({
    allowed: "a table's name: 3 to 255 letters, digits, dots, dashes or underscores",
    meaning:
      "The DynamoDB table whose key is the text `id`. With Kinesis it holds the cursor and its lease; with Redis, how far everything has been applied: `work` and `poll` copy that there, for an `ingest` without `DATABASE_URL` whose Redis lost its memory.",
    read: matchingText(/^[A-Za-z0-9_.-]{3,255}$/),
  }),
  AWS_ENDPOINT_URL_DYNAMODB: optionalSetting({
    ...HTTP_ADDRESS,
    meaning: "Another address for the DynamoDB API, such as LocalStack's.",
  }),
  LARGE_PACKS_BUCKET: optionalSetting({
    allowed: "a bucket's name: 3 to 63 lower-case letters, digits, dots or dashes",
    meaning:
      "The S3 bucket for the rare event that no record of a Kinesis stream, or no call of the function, can hold.",
    read: matchingText(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
  }),
  FAILED_BATCHES_BUCKET: optionalSetting({
    allowed: "a bucket's name: 3 to 63 lower-case letters, digits, dots or dashes",
    meaning:
      "The S3 bucket in which AWS Lambda leaves batches that stayed unapplied for too long: where `redrive` looks without `--from`.",
    read: matchingText(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
  }),
  AWS_ENDPOINT_URL_S3: optionalSetting({
    ...HTTP_ADDRESS,
    meaning: "Another address for the S3 API, such as LocalStack's.",
  }),
  AWS_ENDPOINT_URL_SECRETS_MANAGER: optionalSetting({
    ...HTTP_ADDRESS,
    meaning: "Another address for the Secrets Manager API, such as LocalStack's.",
  }),
  STANDBY: setting({
    allowed: "true or false",
    fallback: "false",
    meaning:
      "With Kinesis: whether a process waits for its turn while another one holds the lease. Without it a second process ends, with exit code 2.",
    read: readSwitch,
  }),
  FLUSH_AFTER_MS: wholeNumber({
    from: 0,
    to: 60_000,
    fallback: 1000,
    meaning:
      "Milliseconds for which a pack may stay open before it goes into the stream: longer makes fewer and larger records.",
  }),
  INDEXER_FUNCTION: optionalSetting({
    allowed: "a function's name or ARN: letters, digits and : _ - $, 256 at the most",
    meaning: "The AWS Lambda function `index-events`, which `poll` gives packs to.",
    read: matchingText(/^[A-Za-z0-9:_$-]{1,256}$/),
  }),
  INDEXER_TIMEOUT_SECONDS: wholeNumber({
    from: 1,
    to: 900,
    fallback: 60,
    meaning: "The time-out of `INDEXER_FUNCTION`: its answer is waited for a little longer, and not given up before.",
  }),
  BATCH_PACKS: wholeNumber({
    from: 1,
    to: 10_000,
    fallback: 100,
    meaning: "Packs of one lane that one call of the function takes at the most.",
  }),
  BATCHING_WINDOW_MS: wholeNumber({
    from: 0,
    to: 300_000,
    fallback: 1000,
    meaning: "Milliseconds for which the first pack of a call waits for others: longer makes fewer and larger calls.",
  }),
  EVENT_SOURCE_ARN: setting({
    allowed: "an ARN without spaces",
    fallback: "arn:aws:elasticache:us-east-1:000000000000:replicationgroup:standpipe",
    meaning: "Name of the stream in the events that the function gets (`eventSourceARN`).",
    read: matchingText(/^arn:\S{1,500}$/),
  }),
  AWS_ENDPOINT_URL_LAMBDA: optionalSetting({
    ...HTTP_ADDRESS,
    meaning: "Another address for the Lambda API, such as LocalStack's.",
  }),
  EMF_NAMESPACE: optionalSetting({
    allowed: "a CloudWatch namespace: letters, digits and . - _ / # :, 255 at the most, not AWS/…",
    meaning:
      "Where set, the metrics are also written to standard output each minute, as lines that CloudWatch Logs makes metrics of.",
    read: matchingText(/^(?!AWS\/)[A-Za-z0-9._/#:-]{1,255}$/),
  }),
  CONSUMER_ID: setting({
    allowed: "a name without spaces",
    fallback: hostname(),
    meaning: "Name of this consumer in its group.",
    read: matchingText(NO_SPACE),
  }),
  BATCH_SIZE: wholeNumber({
    from: 1,
    to: 10_000,
    fallback: 500,
    meaning: "Events that one transaction takes at the most; twice as many in `start` while it catches up.",
  }),
  PARALLEL_CONSUMERS: wholeNumber({
    from: 1,
    to: 64,
    fallback: 4,
    meaning: "Readers of the stream in one process, each with lanes of its own.",
  }),
} as const;

export type SettingName = keyof typeof SETTINGS;
