/** Called each minute: asks as `reader` how old the newest rows are, and writes one line of metrics. */
import { readSettings } from "../../lib/config/read-settings.ts";
import { createLog } from "../../lib/telemetry/log.ts";
import { reportFreshness } from "./report-freshness.ts";

/** Rejects where the database cannot be asked: the missing value is what the alarm `stale-rows` hears, the error what its log says. */
export async function handler(): Promise<void> {
  const settings = readSettings("freshness");
  const log = createLog({
    level: settings.LOG_LEVEL,
    readable: false,
    write: (line) => void process.stderr.write(line),
  });
  await reportFreshness({ settings, log, nowMs: Date.now, write: (line) => void process.stdout.write(line) });
}
