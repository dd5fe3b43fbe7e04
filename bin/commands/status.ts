/** `standpipe status`: what the running process says about itself, and what the database holds. */
import type { Command } from "commander";
import type { Settings } from "../../lib/config/processes.ts";
import { readSettings } from "../../lib/config/read-settings.ts";
import { type Overview, readOverview } from "../../lib/store/overview.ts";
import { errorLine } from "../../lib/telemetry/log.ts";
import type { Log } from "../../lib/telemetry/port.ts";
import { createScreen, screenLog } from "../../lib/telemetry/screen.ts";
import type { CommandContext } from "../command-context.ts";
import { borrowDatabase } from "../database.ts";
import { explainMissingTables } from "../database-trouble.ts";
import { askProcess } from "../status/ask-process.ts";
import { statusAsJson, statusAsText } from "../status/status-page.ts";

export function addStatus(program: Command, context: CommandContext): void {
  program
    .command("status")
    .description("Say how it stands: asks the process at PORT, and the database.")
    .option("--json", "print one JSON object, with the fields of /status")
    .addHelpText("after", "\nExamples:\n  $ standpipe status\n  $ standpipe status --json")
    .action((options: { readonly json?: true }) => runStatus(options, context));
}

async function runStatus(
  options: { readonly json?: true },
  { streams, environment, setExitCode }: CommandContext,
): Promise<void> {
  const settings = readSettings("status", environment);
  const screen = createScreen(streams);
  const log = screenLog(screen, { level: settings.LOG_LEVEL, readable: streams.err.isTTY === true });
  const url = `http://127.0.0.1:${settings.PORT}/status`;
  const process = await askProcess(url);
  const { database, error } = await askDatabase(settings, log);
  // Without either there is nothing to show, only the reason.
  if (process === null && error !== null) throw explainMissingTables(error);
  const findings = { url, process, database, databaseTrouble: error === null ? null : errorLine(error) };
  screen.line(options.json === true ? statusAsJson(findings) : statusAsText(findings));
  if (database === null) setExitCode(1);
}

interface DatabaseAnswer {
  readonly database: Overview | null;
  readonly error: unknown;
}

async function askDatabase(settings: Settings<"status">, log: Log): Promise<DatabaseAnswer> {
  try {
    await using database = await borrowDatabase({ settings, log, command: "standpipe status" });
    return { database: await readOverview(database.connectionString), error: null };
  } catch (error) {
    return { database: null, error };
  }
}
