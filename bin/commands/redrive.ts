/** `standpipe redrive`: batches that Lambda gave up, put on the stream again. */
import type { Command } from "commander";
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import { readSettings } from "../../lib/config/read-settings.ts";
import type { BatchOutcome, RedriveCounts } from "../../lib/redrive/redrive.ts";
import { createCounters } from "../../lib/telemetry/counters.ts";
import { createScreen, screenLog } from "../../lib/telemetry/screen.ts";
import { countText } from "../../lib/telemetry/status-line.ts";
import { createTelemetry } from "../../lib/telemetry/telemetry.ts";
import type { CommandContext } from "../command-context.ts";
import { wholeNumberBetween } from "../options.ts";
import { type Origin, originText, readOrigin } from "../redrive/origin.ts";
import { listenForStop, StopRequested } from "../stop-signals.ts";

interface CommandOptions {
  readonly from?: string;
  readonly limit?: number;
  readonly dryRun?: true;
  readonly force?: true;
}

export function addRedrive(program: Command, context: CommandContext): void {
  program
    .command("redrive")
    .description("Put batches that AWS Lambda gave up on the Kinesis stream again, oldest first.")
    .option("--from <place>", "s3://BUCKET, s3://BUCKET/PREFIX or a folder (default: FAILED_BATCHES_BUCKET)")
    .option("--limit <count>", "how many batches at the most", wholeNumberBetween(1, 1_000_000))
    .option("--dry-run", "only say what would be done")
    .option("--force", "also those older than TOMBSTONE_DAYS, whose records may have been deleted since")
    .addHelpText("after", EXAMPLES)
    .action((options: CommandOptions) => run(options, context));
}

const EXAMPLES = `
A batch that is on the stream again is deleted from the bucket (a file is renamed to FILE.redriven). One that has to stay is
named with the reason, and the command ends with 1. Putting a batch again changes nothing in the database.

Examples:
  $ standpipe redrive --from s3://my-failed-batches --dry-run
  $ standpipe redrive --from s3://my-failed-batches/aws/lambda/ --limit 100`;

async function run(options: CommandOptions, { streams, environment, setExitCode }: CommandContext): Promise<void> {
  const settings = readSettings("redrive", environment);
  const origin = readOrigin(options.from, { bucket: settings.FAILED_BATCHES_BUCKET });
  const streamName = settings.KINESIS_STREAM_NAME;
  if (streamName === null) {
    throw new ConfigurationError("KINESIS_STREAM_NAME is not set: must be the stream that the batches go back to");
  }
  const isDryRun = options.dryRun === true;
  const screen = createScreen(streams);
  const log = screenLog(screen, { level: settings.LOG_LEVEL, readable: streams.err.isTTY === true });
  using stop = listenForStop((name) => log.info(`${name} came: no further batch is begun; a second one ends at once`));
  // Half a second of loading that no other command has to pay for.
  const { runRedrive } = await import("../redrive/run-redrive.ts");
  const counts = await runRedrive({
    settings,
    streamName,
    origin,
    telemetry: createTelemetry({ counters: createCounters(), log }),
    isForced: options.force === true,
    isDryRun,
    limit: options.limit ?? null,
    signal: stop.signal,
    tell: (name, outcome) => screen.line(`${name}  ${outcomeText(outcome, { isDryRun })}`),
  }).catch((error: unknown) => {
    if (error instanceof StopRequested)
      throw new Error("stopped in the middle of a batch, which is still there: run it again");
    throw error;
  });
  screen.line(summary(counts, { origin, isDryRun }));
  if (counts.left > 0 || stop.signal.aborted) setExitCode(1);
}

function outcomeText(outcome: BatchOutcome, { isDryRun }: { readonly isDryRun: boolean }): string {
  switch (outcome.state) {
    case "redriven":
      return `${isDryRun ? "would be put" : "put"} on the stream again: ${amountText(outcome)}`;
    case "gone":
      return "is not there any more";
    case "left":
      return `stays: ${outcome.reason}`;
  }
}

function summary(
  counts: RedriveCounts,
  { origin, isDryRun }: { readonly origin: Origin; readonly isDryRun: boolean },
): string {
  if (counts.found === 0) return `no batches in ${originText(origin)}`;
  const done = isDryRun ? "would be put on the stream again" : "put on the stream again";
  return `${counts.redriven} of ${counts.found} batches ${done} (${amountText(counts)}), ${counts.left} stay`;
}

function amountText({ packs, events }: { readonly packs: number; readonly events: number }): string {
  return `${countText(packs)} ${packs === 1 ? "pack" : "packs"}, ${countText(events)} ${events === 1 ? "event" : "events"}`;
}
