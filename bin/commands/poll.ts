/** `standpipe poll`: Redis stream to the function that applies it, in one process. */
import type { Command } from "commander";
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import { indexerSettings } from "../../lib/config/indexer-settings.ts";
import { readSettings } from "../../lib/config/read-settings.ts";
import { redisSettings } from "../../lib/config/redis-settings.ts";
import { CLOUDWATCH_METRICS_OF_REDIS } from "../../lib/telemetry/metrics.ts";
import type { CommandContext } from "../command-context.ts";
import { openDatabaseLogin } from "../database-login.ts";
import { reportMetrics } from "../ingest/report-metrics.ts";
import { positiveSeconds } from "../options.ts";
import { withRedisLogin } from "../redis-login.ts";
import { listenForStop, StopRequested } from "../stop-signals.ts";
import { withoutPassword } from "../unified/own-database.ts";
import { openProcess } from "../unified/process.ts";

interface PollOptions {
  readonly exitWhenIdle?: number;
}

export function addPoll(program: Command, context: CommandContext): void {
  program
    .command("poll")
    .description("Read packs from a Redis stream and give them to the AWS Lambda function that applies them.")
    .option(
      "--exit-when-idle <seconds>",
      "end with 0 once nothing has arrived for so long and all is durable",
      positiveSeconds,
    )
    .addHelpText("after", EXAMPLE)
    .action((options: PollOptions) => run(options, context));
}

const EXAMPLE = `
Example:
  $ REDIS_URL=rediss://… REDIS_FORMAT=packs INDEXER_FUNCTION=standpipe-production-index-events \\
      LARGE_PACKS_BUCKET=my-packs DATABASE_URL=postgres://… standpipe poll`;

async function run(options: PollOptions, { streams, environment }: CommandContext): Promise<void> {
  const settings = readSettings("poll", environment);
  const stream = redisSettings(settings);
  const indexer = indexerSettings(settings);
  const { DATABASE_URL: address } = settings;
  if (address === null) {
    throw new ConfigurationError(
      "DATABASE_URL is not set: must name the database that the function writes to: who may read the stream is kept there",
    );
  }
  await using surroundings = openProcess({
    command: "poll",
    streams,
    // What a poller holds is bounded by its own limit.
    settings: { ...settings, MAX_IN_FLIGHT_MB: WAITING_MB },
  });
  const { screen, telemetry, counters } = surroundings;
  using stop = listenForStop((name) => telemetry.log.info(`${name} came: stopping; a second one ends at once`));
  using _report = reportMetrics({
    counters,
    namespace: settings.EMF_NAMESPACE,
    dimensions: { command: "poll", stream: stream.streamKey },
    kept: CLOUDWATCH_METRICS_OF_REDIS.poll,
    out: streams.out,
  });
  const url = await surroundings.listen();
  screen.line(`stream    ${stream.streamKey} (Redis, ${stream.format})`);
  screen.line(`function  ${indexer.functionName}`);
  screen.line(`database  ${withoutPassword(address)}`);
  screen.line(`status    ${url}/status`);
  try {
    const redis = await withRedisLogin(stream, { surroundings, signal: stop.signal });
    const login = await openDatabaseLogin(settings);
    const { runPoll } = await import("../poll/run-poll.ts");
    const exitWhenIdleMs = options.exitWhenIdle === undefined ? null : options.exitWhenIdle * 1000;
    await runPoll({
      surroundings,
      settings,
      redis,
      indexer,
      connectionString: address,
      login,
      stop: stop.signal,
      exitWhenIdleMs,
    });
  } catch (error) {
    // Before anything was read there is nothing to drain.
    if (!(error instanceof StopRequested)) throw error;
  }
}

const WAITING_MB = 16;
