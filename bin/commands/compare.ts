/** `standpipe compare`: what this database holds and another one does not, and the other way round. */
import { type Command, InvalidArgumentError } from "commander";
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import { readSettings } from "../../lib/config/read-settings.ts";
import { type Comparison, compareDatabases } from "../../lib/store/compare/compare.ts";
import { CompareError } from "../../lib/store/compare/session.ts";
import { errorLine } from "../../lib/telemetry/log.ts";
import { createScreen, screenLog } from "../../lib/telemetry/screen.ts";
import type { CommandContext } from "../command-context.ts";
import { type Compared, comparisonAsJson, comparisonAsText, verdictOf } from "../compare/comparison-page.ts";
import { borrowDatabase } from "../database.ts";
import { explainDatabaseError, explainMissingTables } from "../database-trouble.ts";
import { timeInUtc, wholeNumberBetween } from "../options.ts";
import { withoutPassword } from "../unified/own-database.ts";

interface CommandOptions {
  readonly json?: true;
  readonly exact?: true;
  readonly schema: string;
  readonly seed: number;
  readonly accounts: number;
  readonly records: number;
  readonly since?: number;
  readonly until?: number;
  readonly tolerance: number;
  readonly show: number;
  readonly timeout: number;
}

export function addCompare(program: Command, context: CommandContext): void {
  program
    .command("compare")
    .description(
      "Compare this database with another one (COMPARE_DATABASE_URL): counts, and records of sampled accounts.",
    )
    .option("--schema <name>", "schema of the other database's tables", schemaArgument, "public")
    .option("--accounts <count>", "accounts that are sampled in each database", wholeNumberBetween(1, 2_000), 200)
    .option("--records <count>", "records of each kind and account, at the most", wholeNumberBetween(1, 500), 50)
    .option("--seed <number>", "another seed takes other accounts", wholeNumberBetween(0, 1_000_000_000), 1)
    .option("--since <time>", "compare from there on (default: when ours began)", timeInUtc)
    .option("--until <time>", "compare up to there (default: a minute before what both have)", timeInUtc)
    .option("--exact", "count every row of both, which reads all of them, instead of asking the statistics")
    .option("--tolerance <percent>", "differences in a hundred records that still end with 0", percentArgument, 0)
    .option("--show <count>", "differences that are listed", wholeNumberBetween(0, 100_000), 20)
    .option("--timeout <seconds>", "give up a statement after so long", wholeNumberBetween(1, 86_400), 60)
    .option("--json", "print one JSON object instead of tables")
    .addHelpText("after", EXAMPLES)
    .action((options: CommandOptions) => run(options, context));
}

const EXAMPLES = `
The other database has the tables of PublicAppView (Aurora Prism), or is a second one of ours. Both are read in one transaction each, which
can change nothing; docs/migrating.md says what the columns mean.
Ends with 0 where both are the same within the tolerance, 1 where they differ or cannot be asked, 2 for wrong use.

Examples:
  $ COMPARE_DATABASE_URL=postgres://me@old/atproto standpipe compare
  $ standpipe compare --since 2026-11-20T08:00:00Z --seed 2 --tolerance 0.5 --json`;

async function run(options: CommandOptions, { streams, environment, setExitCode }: CommandContext): Promise<void> {
  const settings = readSettings("compare", environment);
  const { COMPARE_DATABASE_URL: address } = settings;
  if (address === null) {
    throw new ConfigurationError("COMPARE_DATABASE_URL is not set: must name the database to compare with");
  }
  const screen = createScreen(streams);
  const log = screenLog(screen, { level: settings.LOG_LEVEL, readable: streams.err.isTTY === true });
  await using database = await borrowDatabase({ settings, log, command: "standpipe compare" });
  const { connectionString } = database;
  const comparison = compared(await compare(connectionString, address, options), options);
  const content = {
    comparison,
    here: withoutPassword(connectionString),
    there: withoutPassword(address),
    seed: options.seed,
    isExact: options.exact === true,
    tolerancePercent: options.tolerance,
  };
  screen.line(options.json === true ? comparisonAsJson(content) : comparisonAsText(content));
  if (!verdictOf(content).isSame) setExitCode(1);
}

async function compare(connectionString: string, address: string, options: CommandOptions): Promise<Comparison> {
  try {
    return await compareDatabases({
      connectionString,
      other: { connectionString: address, schema: options.schema },
      seed: options.seed,
      accounts: options.accounts,
      records: options.records,
      sinceMs: options.since ?? null,
      untilMs: options.until ?? null,
      isExact: options.exact === true,
      show: options.show,
      timeoutMs: options.timeout * 1000,
    });
  } catch (error) {
    throw error instanceof CompareError ? explain(error, options) : error;
  }
}

/** query_canceled: the statement's time was up. */
const CUT_STATEMENT = "57014";

function explain(error: CompareError, { timeout }: CommandOptions): unknown {
  if (error.code === CUT_STATEMENT) {
    const which = error.side === "this" ? "this database" : "the other database";
    return new Error(
      `a statement took longer than ${timeout} s in ${which}: give --timeout, or fewer --accounts, and no --exact`,
      { cause: error },
    );
  }
  if (error.side === "this") return explainMissingTables(error.cause);
  const explained = explainDatabaseError(error.cause, "COMPARE_DATABASE_URL");
  if (explained instanceof ConfigurationError) return explained;
  return new Error(`COMPARE_DATABASE_URL (not shown here): ${errorLine(explained)}`, { cause: error });
}

/** @throws ConfigurationError where there was nothing to compare. */
function compared(comparison: Comparison, { schema }: CommandOptions): Compared {
  if (comparison.ok) return comparison;
  switch (comparison.reason) {
    case "not-ours":
      throw new ConfigurationError("DATABASE_URL: this database has never been migrated: run standpipe migrate first");
    case "unknown-tables":
      throw new ConfigurationError(
        `COMPARE_DATABASE_URL: schema ${schema} has neither tables of PublicAppView (likes with user_did, posts with author_did) nor is it a database of Standpipe: give --schema`,
      );
    case "same-database":
      throw new ConfigurationError("COMPARE_DATABASE_URL: is the same database as DATABASE_URL");
    case "nothing-here":
      throw new ConfigurationError("DATABASE_URL: nothing has been applied here yet: wait, or give --until");
    case "nothing-there":
      throw new ConfigurationError(
        "COMPARE_DATABASE_URL: nobody can say how far it has come (it has no posts): give --until",
      );
    case "no-window":
      throw new ConfigurationError(noWindow(comparison.window));
  }
}

function noWindow(window: { readonly fromMs: number; readonly toMs: number } | null): string {
  const [from, to] = [window?.fromMs ?? 0, window?.toMs ?? 0].map((ms) => new Date(ms).toISOString());
  return `there is nothing yet that both must have: it would be what was written from ${from} to ${to}; wait, or give --since and --until`;
}

function schemaArgument(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("Must not be empty.");
  return text;
}

function percentArgument(text: string): number {
  const percent = /^\d{1,3}(\.\d{1,4})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(percent >= 0 && percent <= 100)) throw new InvalidArgumentError("Must be a number from 0 to 100.");
  return percent;
}
