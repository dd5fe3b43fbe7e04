/** `standpipe dead-letters`: what could not be applied, and another try. */
import type { Command } from "commander";
import type { CommandContext } from "../command-context.ts";

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
    .action((options: ListOptions) => listThem(options, context));
  group
    .command("retry")
    .description("Try dead letters again, record by record; those that still fail stay.")
    .argument("[ids...]", "ids as dead-letters list shows them")
    .option("--all", "all that are open")
    .option("--force", "also those older than TOMBSTONE_DAYS, whose deletes may be forgotten")
    .addHelpText("after", "\nExamples:\n  $ standpipe dead-letters retry 12 13\n  $ standpipe dead-letters retry --all")
    .action((ids: readonly string[], options: RetryOptions) => retryThem(ids, options, context));
}
