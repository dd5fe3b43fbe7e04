/** `standpipe dead-letters`: what could not be applied, and another try. */
import type { Command } from "commander";
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import { readSettings } from "../../lib/config/read-settings.ts";
import { type ListedLetter, listDeadLetters } from "../../lib/store/dead-letters.ts";
import { createPostgresStore, type PostgresStore } from "../../lib/store/postgres-store.ts";
import { createScreen, type Screen, screenLog } from "../../lib/telemetry/screen.ts";
import type { CommandContext } from "../command-context.ts";
import { borrowDatabase } from "../database.ts";
import { explainMissingTables } from "../database-trouble.ts";
import { retryLetters } from "../dead-letters/retry-letters.ts";
import { wholeNumberBetween } from "../options.ts";
import { renderTable } from "../table.ts";

interface ListOptions {
  readonly json?: true;
  readonly limit: number;
}

interface RetryOptions {
  readonly all?: true;
  readonly force?: true;
}

export function addDeadLetters(program: Command, context: CommandContext): void {
  const group = program
    .command("dead-letters")
    .description("List what could not be applied, or try it again.")
    .addHelpText("after", "\nExample:\n  $ standpipe dead-letters list");
  group
    .command("list")
    .description("List the open dead letters, newest first.")
    .option("--json", "print an array of objects instead of a table")
    .option("--limit <count>", "how many at the most", wholeNumberBetween(1, 1_000_000), 100)
    .addHelpText("after", "\nExample:\n  $ standpipe dead-letters list --json --limit 1000")
    .action((options: ListOptions) => list(options, context));
  group
    .command("retry")
    .description("Try dead letters again, record by record. Ends with 1 where one of them stays open.")
    .argument("[ids...]", "ids as dead-letters list shows them")
    .option("--all", "all that are open")
    .option("--force", "also those older than TOMBSTONE_DAYS, whose records may have been deleted since")
    .addHelpText("after", "\nExamples:\n  $ standpipe dead-letters retry 12 13\n  $ standpipe dead-letters retry --all")
    .action((ids: readonly string[], options: RetryOptions) => retry(ids, options, context));
}

async function list(options: ListOptions, context: CommandContext): Promise<void> {
  await withStore(context, async ({ store, screen }) => {
    const letters = await listDeadLetters(store.pool, { limit: options.limit });
    if (options.json === true) screen.line(JSON.stringify(letters, null, 2));
    else screen.line(letters.length === 0 ? "no open dead letters" : lettersAsTable(letters));
  });
}

function lettersAsTable(letters: readonly ListedLetter[]): string {
  const columns = ["id", "written at", "reason", "what", "seq", "tries", "detail"];
  const rows = letters.map((letter) => [
    letter.id,
    letter.written_at,
    letter.reason,
    letter.uri ?? letter.did ?? letter.scope,
    letter.seq,
    letter.attempts,
    letter.last_answer ?? letter.detail,
  ]);
  return renderTable({ columns, rows });
}

async function retry(ids: readonly string[], options: RetryOptions, context: CommandContext): Promise<void> {
  const wanted = wantedIds(ids, options);
  await withStore(context, async ({ store, screen, tombstoneDays }) => {
    const stillOpen = await retryLetters({
      store,
      ids: wanted,
      tombstoneDays,
      isForced: options.force === true,
      tell: (line) => screen.line(line),
    });
    if (stillOpen > 0) context.setExitCode(1);
  });
}

/** Null: all. */
function wantedIds(ids: readonly string[], options: RetryOptions): readonly string[] | null {
  if (options.all === true && ids.length > 0)
    throw new ConfigurationError("dead-letters retry: either ids or --all, not both");
  if (options.all === true) return null;
  if (ids.length === 0) throw new ConfigurationError("dead-letters retry: name ids, or say --all");
  const wrong = ids.find((id) => !/^\d{1,18}$/.test(id));
  if (wrong !== undefined) {
    throw new ConfigurationError(
      `dead-letters retry ${wrong}: ids must be whole numbers, as dead-letters list shows them`,
    );
  }
  return ids;
}

interface LettersContext {
  readonly store: PostgresStore;
  readonly screen: Screen;
  readonly tombstoneDays: number;
}

async function withStore(
  { streams, environment }: CommandContext,
  work: (context: LettersContext) => Promise<void>,
): Promise<void> {
  const settings = readSettings("dead-letters", environment);
  const screen = createScreen(streams);
  const log = screenLog(screen, { level: settings.LOG_LEVEL, readable: streams.err.isTTY === true });
  await using database = await borrowDatabase({ settings, log, command: "standpipe dead-letters" });
  const { connectionString, login } = database;
  await using store = createPostgresStore({ connectionString, login, poolSize: 2, log });
  try {
    await work({ store, screen, tombstoneDays: settings.TOMBSTONE_DAYS });
  } catch (error) {
    throw explainMissingTables(error);
  }
}
