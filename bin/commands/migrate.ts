/** `standpipe migrate`: the database, brought to this version. */
import type { Command } from "commander";
import { setLanes } from "../../lib/checkpoint/postgres/checkpoint.ts";
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import type { Settings } from "../../lib/config/processes.ts";
import { readSettings } from "../../lib/config/read-settings.ts";
import { createPostgresStore } from "../../lib/store/postgres-store.ts";
import { createScreen, screenLog } from "../../lib/telemetry/screen.ts";
import type { CommandContext } from "../command-context.ts";
import { borrowDatabase } from "../database.ts";
import { explainDatabaseError } from "../database-trouble.ts";
import { migrateDatabase } from "../migrate-database.ts";
import { wholeNumberBetween } from "../options.ts";

export function addMigrate(program: Command, context: CommandContext): void {
  program
    .command("migrate")
    .description("Bring the database to this version; start does so by itself.")
    .option(
      "--lanes <number>",
      "change the number of lanes, once every process is stopped and what is in the stream applied",
      wholeNumberBetween(1, 4096),
    )
    .addHelpText("after", EXAMPLE)
    .action((options: MigrateOptions) => runMigrate(options, context));
}

const EXAMPLE = `
Example:
  $ DATABASE_URL=postgres://me:secret@127.0.0.1/mine DATABASE_SCHEMA=atproto standpipe migrate`;

interface MigrateOptions {
  readonly lanes?: number;
}

async function runMigrate(options: MigrateOptions, { streams, environment }: CommandContext): Promise<void> {
  const settings = readSettings("migrate", environment);
  const cursor = options.lanes === undefined ? null : cursorPlace(settings);
  const screen = createScreen(streams);
  const log = screenLog(screen, { level: settings.LOG_LEVEL, readable: streams.err.isTTY === true });
  await using database = await borrowDatabase({ settings, log, command: "standpipe migrate", create: true });
  const { connectionString, login } = database;
  const applied = await migrateDatabase({ connectionString, settings, log }).catch((error: unknown) => {
    throw explainDatabaseError(error);
  });
  screen.line(applied.length === 0 ? "nothing to do: the database is up to date" : `applied ${applied.join(", ")}`);
  if (options.lanes === undefined) return;
  // First: an ingester that is at work all the same writes nothing more with the old number.
  if (cursor !== null) {
    // Half a second of loading that nobody else has to pay for.
    const { changeCursor } = await import("../lanes/change-cursor.ts");
    screen.line(await changeCursor({ settings, ...cursor, lanes: options.lanes }));
  }
  await using store = createPostgresStore({ connectionString, login, poolSize: 1, log });
  await setLanes(store.pool, options.lanes);
  screen.line(`from now on LANES=${options.lanes}: set it so for every process`);
}

/** Of the ingester's cursor where it is beside a Kinesis stream; null where the database has it. */
function cursorPlace(
  settings: Settings<"migrate">,
): { readonly streamName: string; readonly tableName: string } | null {
  const { KINESIS_STREAM_NAME: streamName, DYNAMODB_TABLE_NAME: tableName } = settings;
  if (streamName === null && tableName === null) return null;
  if (streamName !== null && tableName !== null) return { streamName, tableName };
  const missing = streamName === null ? "KINESIS_STREAM_NAME" : "DYNAMODB_TABLE_NAME";
  throw new ConfigurationError(`${missing} is not set: --lanes also changes the cursor that ingest keeps in DynamoDB`);
}
