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
const LONG_LIVED = ["PORT", "HTTP_HOST"] as const;
const SOURCE = ["RELAY_URL", "COLLECTIONS", "LANES", "MAX_IN_FLIGHT_MB"] as const;
const STREAM = [
  "STREAM",
  "REDIS_URL",
  "REDIS_STREAM_KEY",
  "REDIS_CONSUMER_GROUP",
  "REDIS_MAX_STREAM_LEN",
  "REDIS_FORMAT",
  "REDIS_CURSOR_KEY",
  "KINESIS_STREAM_NAME",
  "AWS_ENDPOINT_URL_KINESIS",
] as const;
const CONSUMER = ["DB_POOL_SIZE", "BATCH_SIZE", "TOMBSTONE_DAYS"] as const;

/** Every process by the name of its command. */
export const PROCESSES = {
  start: schemaOf(...SOURCE, ...CONSUMER, ...DATABASE, ...LONG_LIVED, "FIRST_TRY_SECONDS"),
  ingest: schemaOf(...SOURCE, ...STREAM, ...LONG_LIVED, "LOG_LEVEL"),
  work: schemaOf(
    ...STREAM,
    ...CONSUMER,
    ...DATABASE,
    ...LONG_LIVED,
    "LANES",
    "COLLECTIONS",
    "CONSUMER_ID",
    "PARALLEL_CONSUMERS",
  ),
  migrate: schemaOf(...DATABASE),
  status: schemaOf(...DATABASE, "PORT"),
  sql: schemaOf(...DATABASE),
  "dead-letters": schemaOf(...DATABASE, "TOMBSTONE_DAYS"),
  relay: schemaOf("LOG_LEVEL"),
} as const;

export type ProcessName = keyof typeof PROCESSES;

/** The settings of one process, under the variables' own names. */
export type Settings<Name extends ProcessName> = z.infer<(typeof PROCESSES)[Name]>;
