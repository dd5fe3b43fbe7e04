/** `standpipe sql`: one statement, read-only, as a table or as JSON. */
import { type Command, InvalidArgumentError } from "commander";
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import { readSettings } from "../../lib/config/read-settings.ts";
import { queryReadOnly } from "../../lib/store/read-only-query.ts";
import { createScreen, screenLog } from "../../lib/telemetry/screen.ts";
import type { CommandContext } from "../command-context.ts";
import { borrowDatabase } from "../database.ts";
import { explainWrongAddress, isNoSuchDatabase } from "../database-trouble.ts";
import { wholeNumberBetween } from "../options.ts";
import { renderTable } from "../table.ts";

interface SqlOptions {
  readonly json?: true;
  readonly demo?: true;
  readonly timeout: number;
}

export function addSql(program: Command, context: CommandContext): void {
  program
    .command("sql")
    .description("Ask the database: one statement, which can change nothing.")
    .argument("<statement>", "such as 'SELECT did, handle FROM users LIMIT 5'", statementArgument)
    .option("--json", "print an array of objects instead of a table")
    .option("--demo", "ask the database that start --demo has filled")
    .option("--timeout <seconds>", "give up after so long", wholeNumberBetween(1, 86_400), 60)
    .addHelpText("after", EXAMPLES)
    .action((statement: string, options: SqlOptions) => runSql(statement, options, context));
}

const EXAMPLES = `
Examples:
  $ standpipe sql 'SELECT text FROM posts ORDER BY indexed_at DESC LIMIT 5'
  $ standpipe sql --json 'SELECT collection, count(*) FROM records GROUP BY 1 ORDER BY 2 DESC'`;

async function runSql(statement: string, options: SqlOptions, { streams, environment }: CommandContext): Promise<void> {
  const settings = readSettings("sql", environment);
  const screen = createScreen(streams);
  const log = screenLog(screen, { level: settings.LOG_LEVEL, readable: streams.err.isTTY === true });
  await using database = await borrowDatabase({ settings, log, command: "standpipe sql", demo: options.demo === true });
  const { connectionString } = database;
  const { columns, rows } = await queryReadOnly({
    connectionString,
    statement,
    schema: settings.DATABASE_SCHEMA,
    timeoutMs: options.timeout * 1000,
  }).catch((error: unknown) => {
    throw options.demo === true && isNoSuchDatabase(error) ? noDemo() : explainWrongAddress(error);
  });
  screen.line(options.json === true ? rowsAsJson(columns, rows) : renderTable({ columns, rows }));
}

function noDemo(): ConfigurationError {
  return new ConfigurationError("--demo: nothing has been played yet: run standpipe start --demo first");
}

function statementArgument(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("Must not be empty.");
  return text;
}

/** One object a line inside the array, so that it can be read by people and line tools as well. */
export function rowsAsJson(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const names = distinctNames(columns);
  const objects = rows.map((row) =>
    JSON.stringify(Object.fromEntries(names.map((name, at) => [name, row[at] ?? null]))),
  );
  return objects.length === 0 ? "[]" : `[\n${objects.join(",\n")}\n]`;
}

/** `id, id` → `id, id_2`: a table may have two columns of one name, an object not. */
function distinctNames(columns: readonly string[]): readonly string[] {
  const taken = new Set<string>(columns);
  const given = new Set<string>();
  return columns.map((name) => {
    let distinct = name;
    for (let number = 2; given.has(distinct) || (distinct !== name && taken.has(distinct)); number += 1) {
      distinct = `${name}_${number}`;
    }
    given.add(distinct);
    return distinct;
  });
}
