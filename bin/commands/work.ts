/** `standpipe work`: stream to rows in one process. */
import type { Command } from "commander";
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import { chosenStream, readSettings } from "../../lib/config/read-settings.ts";
import { redisSettings } from "../../lib/config/redis-settings.ts";
import { CLOUDWATCH_METRICS_OF_REDIS } from "../../lib/telemetry/metrics.ts";
import type { CommandContext } from "../command-context.ts";
import { openDatabaseLogin } from "../database-login.ts";
import { reportMetrics } from "../ingest/report-metrics.ts";
import { positiveSeconds } from "../options.ts";
import { withRedisLogin } from "../redis-login.ts";
import { listenForStop, StopRequested } from "../stop-signals.ts";
import { ownDatabase } from "../unified/own-database.ts";
import { openProcess } from "../unified/process.ts";

interface WorkOptions {
  readonly exitWhenIdle?: number;
}

export function addWork(program: Command, context: CommandContext): void {
  program
    .command("work")
    .description("Read a Redis stream and write rows (needs REDIS_URL).")
    .option(
      "--exit-when-idle <seconds>",
      "end with 0 once nothing has arrived for so long and all is durable",
      positiveSeconds,
    )
    .addHelpText("after", "\nExample:\n  $ REDIS_URL=redis://127.0.0.1:6379 DATABASE_URL=postgres://… standpipe work")
    .action((options: WorkOptions) => run(options, context));
}

/** What embedded databases and their sessions are told about this process. */
const COMMAND = "standpipe work";

async function run(options: WorkOptions, { streams, environment }: CommandContext): Promise<void> {
  const settings = readSettings("work", environment);
  if (chosenStream("work", settings) === "kinesis") {
    throw new ConfigurationError("work: a Kinesis stream is read by the Lambda function: see docs/architecture.md");
  }
  const stream = redisSettings(settings);
  // Stopped last, after everything that uses it.
  await using databases = new AsyncDisposableStack();
  await using surroundings = openProcess({
    command: "work",
    streams,
    // What a worker holds is bounded by its own limit.
    settings: { ...settings, MAX_IN_FLIGHT_MB: WAITING_MB },
  });
  const { screen, telemetry, counters } = surroundings;
  using stop = listenForStop((name) => telemetry.log.info(`${name} came: stopping; a second one ends at once`));
  using _report = reportMetrics({
    counters,
    namespace: settings.EMF_NAMESPACE,
    dimensions: { command: "work", stream: stream.streamKey },
    kept: CLOUDWATCH_METRICS_OF_REDIS.work,
    out: streams.out,
  });
  const database = databases.use(
    await ownDatabase({ settings, log: telemetry.log, command: COMMAND, onLost: (error) => stop.fail(error) }),
  );
  const url = await surroundings.listen();
  screen.line(`stream    ${stream.streamKey} (Redis, ${stream.format})`);
  screen.line(`database  ${database.shown}`);
  screen.line(`status    ${url}/status`);
  try {
    const redis = await withRedisLogin(stream, { surroundings, signal: stop.signal });
    const { runWork } = await import("../work/run-work.ts");
    await runWork({
      surroundings,
      settings,
      redis,
      connectionString: database.connectionString,
      login: await openDatabaseLogin(settings),
      stop: stop.signal,
      exitWhenIdleMs: options.exitWhenIdle === undefined ? null : options.exitWhenIdle * 1000,
    });
  } catch (error) {
    // Before anything was read there is nothing to drain.
    if (!(error instanceof StopRequested)) throw error;
  }
}

const WAITING_MB = 16;
