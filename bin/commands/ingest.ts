/** `standpipe ingest`: relay to stream in one process. */
import type { Command } from "commander";
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import { kinesisSettings } from "../../lib/config/kinesis-settings.ts";
import { chosenStream, readSettings } from "../../lib/config/read-settings.ts";
import { CLOUDWATCH_METRICS, CLOUDWATCH_METRICS_WITH_STANDBY } from "../../lib/telemetry/metrics.ts";
import type { CommandContext } from "../command-context.ts";
import { reportMetrics } from "../ingest/report-metrics.ts";
import { positiveSeconds } from "../options.ts";
import { listenForStop } from "../stop-signals.ts";
import { openProcess } from "../unified/process.ts";

interface IngestOptions {
  readonly exitWhenIdle?: number;
}

export function addIngest(program: Command, context: CommandContext): void {
  program
    .command("ingest")
    .description("Read the relay and write packs into a stream (needs REDIS_URL or KINESIS_STREAM_NAME).")
    .option(
      "--exit-when-idle <seconds>",
      "end with 0 once nothing has arrived for so long and all is durable",
      positiveSeconds,
    )
    .addHelpText("after", EXAMPLES)
    .action((options: IngestOptions) => run(options, context));
}

const EXAMPLES = `
Example:
  $ KINESIS_STREAM_NAME=events DYNAMODB_TABLE_NAME=cursors LARGE_PACKS_BUCKET=my-packs standpipe ingest`;

async function run(options: IngestOptions, { streams, environment }: CommandContext): Promise<void> {
  const settings = readSettings("ingest", environment);
  const stream = chosenStream("ingest", settings);
  if (stream === "redis") {
    throw new ConfigurationError("ingest: this version has no Redis stream yet: use start, which needs none");
  }
  const kinesis = kinesisSettings(settings);
  await using surroundings = openProcess({ command: "ingest", downstream: "stream", streams, settings });
  const { screen, telemetry, counters } = surroundings;
  using stop = listenForStop((name) => telemetry.log.info(`${name} came: stopping; a second one ends at once`));
  using _report = reportMetrics({
    counters,
    namespace: settings.EMF_NAMESPACE,
    dimensions: { command: "ingest", stream: kinesis.streamName },
    kept: kinesis.standby ? CLOUDWATCH_METRICS_WITH_STANDBY : CLOUDWATCH_METRICS,
    out: streams.out,
  });
  const url = await surroundings.listen();
  screen.line(`stream    ${kinesis.streamName} (Kinesis)`);
  screen.line(`status    ${url}/status`);
  // Half a second of loading, and 30 MB, that no other command has to pay for.
  const { runIngest } = await import("../ingest/run-ingest.ts");
  const exitWhenIdleMs = options.exitWhenIdle === undefined ? null : options.exitWhenIdle * 1000;
  await runIngest({ surroundings, settings, kinesis, stop: stop.signal, exitWhenIdleMs });
}
