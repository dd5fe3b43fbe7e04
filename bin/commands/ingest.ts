/** `standpipe ingest`: relay to stream in one process. */
import type { Command } from "commander";
import { kinesisSettings } from "../../lib/config/kinesis-settings.ts";
import type { Settings } from "../../lib/config/processes.ts";
import { chosenStream, readSettings } from "../../lib/config/read-settings.ts";
import { redisSettings } from "../../lib/config/redis-settings.ts";
import {
  CLOUDWATCH_METRICS,
  CLOUDWATCH_METRICS_OF_REDIS,
  CLOUDWATCH_METRICS_WITH_STANDBY,
  type MetricName,
} from "../../lib/telemetry/metrics.ts";
import type { CommandContext } from "../command-context.ts";
import { reportMetrics } from "../ingest/report-metrics.ts";
import { type IngestPipeline, type OpeningAgain, runIngest } from "../ingest/run-ingest.ts";
import { type FirstPlace, firstPlace, positiveSeconds } from "../options.ts";
import { withRedisLogin } from "../redis-login.ts";
import { listenForStop } from "../stop-signals.ts";
import { type LongLivedProcess, openProcess } from "../unified/process.ts";

interface IngestOptions {
  readonly exitWhenIdle?: number;
  readonly from?: FirstPlace;
}

export function addIngest(program: Command, context: CommandContext): void {
  program
    .command("ingest")
    .description("Read the relay and write into a stream (needs REDIS_URL or KINESIS_STREAM_NAME).")
    .option(
      "--exit-when-idle <seconds>",
      "end with 0 once nothing has arrived for so long and all is durable",
      positiveSeconds,
    )
    .option(
      "--from <place>",
      "live, oldest or a seq: where to begin while no cursor is known, which goes before it (Kinesis: live unless told)",
      firstPlace,
    )
    .addHelpText("after", EXAMPLES)
    .action((options: IngestOptions) => run(options, context));
}

const EXAMPLES = `
Examples:
  $ REDIS_URL=redis://127.0.0.1:6379 standpipe ingest --from live
  $ KINESIS_STREAM_NAME=events DYNAMODB_TABLE_NAME=cursors LARGE_PACKS_BUCKET=my-packs standpipe ingest`;

async function run(options: IngestOptions, { streams, environment }: CommandContext): Promise<void> {
  const settings = readSettings("ingest", environment);
  const stream = streamOf(settings, options);
  await using surroundings = openProcess({ command: "ingest", downstream: "stream", streams, settings });
  const { screen, telemetry, counters } = surroundings;
  using stop = listenForStop((name) => telemetry.log.info(`${name} came: stopping; a second one ends at once`));
  using _report = reportMetrics({
    counters,
    namespace: settings.EMF_NAMESPACE,
    dimensions: { command: "ingest", stream: stream.name },
    kept: stream.cloudWatchMetrics,
    out: streams.out,
  });
  const url = await surroundings.listen();
  screen.line(`stream    ${stream.name} (${stream.kind})`);
  screen.line(`status    ${url}/status`);
  const exitWhenIdleMs = options.exitWhenIdle === undefined ? null : options.exitWhenIdle * 1000;
  const open = ({ again }: OpeningAgain) => stream.open({ surroundings, stop: stop.signal, again });
  await runIngest({ surroundings, stop: stop.signal, exitWhenIdleMs, open });
}

interface ChosenStream {
  readonly name: string;
  readonly kind: string;
  /** Those that its alarms look at. */
  readonly cloudWatchMetrics: ReadonlySet<MetricName>;
  open(how: OpenOptions): Promise<IngestPipeline>;
}

interface OpenOptions extends OpeningAgain {
  readonly surroundings: LongLivedProcess;
  readonly stop: AbortSignal;
}

/** Each client is loaded where it is needed: AWS' takes half a second, and 30 MB, that nobody else has to pay for. */
function streamOf(settings: Settings<"ingest">, { from }: IngestOptions): ChosenStream {
  switch (chosenStream("ingest", settings)) {
    case "kinesis": {
      const kinesis = kinesisSettings(settings);
      return {
        name: kinesis.streamName,
        kind: "Kinesis",
        cloudWatchMetrics: kinesis.standby ? CLOUDWATCH_METRICS_WITH_STANDBY : CLOUDWATCH_METRICS,
        async open({ surroundings, stop }) {
          const { openKinesisPipeline } = await import("../ingest/kinesis-pipeline.ts");
          return openKinesisPipeline({ surroundings, settings, kinesis, from: from ?? "live", stop });
        },
      };
    }
    case "redis": {
      const redis = redisSettings(settings);
      return {
        name: redis.streamKey,
        kind: `Redis, ${redis.format}`,
        cloudWatchMetrics: CLOUDWATCH_METRICS_OF_REDIS.ingest,
        async open({ surroundings, stop, again }) {
          const { openRedisPipeline } = await import("../ingest/redis-pipeline.ts");
          // Each time: a password that was refused may have been changed.
          const login = await withRedisLogin(redis, { surroundings, signal: stop });
          return openRedisPipeline({
            surroundings,
            settings,
            redis: login,
            from: again ? null : (from ?? null),
            stop,
          });
        },
      };
    }
  }
}
