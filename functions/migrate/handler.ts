/** Called once in each deployment: brings the database to this version, or fails the deployment with a sentence that says what to do. */
import { readSettings } from "../../lib/config/read-settings.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { runMigration } from "./run-migration.ts";

/** The names of the migrations applied now. @throws MigrationFailure */
export async function handler(): Promise<{ readonly applied: readonly string[] }> {
  const settings = readSettings("migrate");
  const log = createLog({
    level: settings.LOG_LEVEL,
    readable: false,
    write: (line) => void process.stderr.write(line),
  });
  return await runMigration({ settings, log });
}
