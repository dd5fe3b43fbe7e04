/** The commands and their options, as `--help` shows them. */
import { Command } from "commander";
import type { CommandContext, OutputStream } from "./command-context.ts";
import { addCompare } from "./commands/compare.ts";
import { addDeadLetters } from "./commands/dead-letters.ts";
import { addIngest } from "./commands/ingest.ts";
import { addMigrate } from "./commands/migrate.ts";
import { addPoll } from "./commands/poll.ts";
import { addRedrive } from "./commands/redrive.ts";
import { addRelay } from "./commands/relay.ts";
import { addRewind } from "./commands/rewind.ts";
import { addSql } from "./commands/sql.ts";
import { addStart } from "./commands/start.ts";
import { addStatus } from "./commands/status.ts";
import { addWork } from "./commands/work.ts";
import { packageVersion } from "./version.ts";

export function createProgram(context: CommandContext): Command {
  const { out, err } = context.streams;
  const program = new Command("standpipe")
    .description("Keeps the AT Protocol firehose in Postgres: complete, in order, queryable.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .configureOutput({
      writeOut: (text) => out.write(text),
      writeErr: (text) => err.write(text),
      outputError: (text, write) => write(`${wrongUseLine(text)}\n`),
      getOutHelpWidth: () => helpWidth(out),
      getErrHelpWidth: () => helpWidth(err),
    })
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText("after", EPILOGUE);
  addStart(program, context);
  addIngest(program, context);
  addWork(program, context);
  addPoll(program, context);
  addMigrate(program, context);
  addStatus(program, context);
  addSql(program, context);
  addDeadLetters(program, context);
  addCompare(program, context);
  addRedrive(program, context);
  addRewind(program, context);
  addRelay(program, context);
  return program;
}

/** `error: unknown command 'strat'\n(Did you mean start?)` → one line, as every other error of ours. */
function wrongUseLine(text: string): string {
  const problem = text
    .replace(/^error: /, "")
    .trim()
    .replaceAll(/\s+/g, " ");
  return `standpipe: ${problem} (standpipe --help lists commands and options)`;
}

/** A terminal that does not know its width says 0. */
function helpWidth({ columns = 0 }: OutputStream): number {
  return columns > 0 ? columns : 100;
}

const EPILOGUE = `
Settings are environment variables: see docs/configuration.md.
Exit codes: 0 done, 1 failed, 2 wrong use or configuration.

Examples:
  $ standpipe start
  $ standpipe sql 'SELECT text FROM posts ORDER BY indexed_at DESC LIMIT 5'`;
