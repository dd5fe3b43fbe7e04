/** `standpipe start`: relay to rows in one process. */
import { type Command, Option } from "commander";
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import { type Environment, isSet, readSettings } from "../../lib/config/read-settings.ts";
import type { CommandContext } from "../command-context.ts";
import { positiveSeconds } from "../options.ts";
import { listenForStop } from "../stop-signals.ts";
import { playDemo } from "../unified/demo.ts";
import { ownDatabase } from "../unified/own-database.ts";
import { openProcess } from "../unified/process.ts";
import { runUnified, type UnifiedOptions } from "../unified/run-unified.ts";

interface StartOptions {
  /** True: asked for. False: forbidden. */
  readonly demo?: boolean;
  readonly exitWhenIdle?: number;
  readonly defaultRelay?: string;
}

export function addStart(program: Command, context: CommandContext): void {
  const start = program
    .command("start")
    .description("Read the relay and write rows, in one process; without settings into an embedded Postgres.")
    .option("--demo", "play the bundled recording into the embedded database demo, say what is in it, and end")
    .option("--no-demo", "never do so; otherwise a first start does where no relay answers")
    .option(
      "--exit-when-idle <seconds>",
      "end with 0 once a relay has been connected, nothing has arrived for so long, and all is durable",
      positiveSeconds,
    )
    .addOption(new Option("--default-relay <url>", "used where RELAY_URL is not set, in tests").hideHelp())
    .addHelpText("after", EXAMPLES)
    .action((options: StartOptions) => runStart(options, context));
  refuseBoth(start, ["demo", "no-demo"]);
}

/** Of an option and its opposite the last would win, in silence. */
function refuseBoth(command: Command, [one, other]: readonly [string, string]): void {
  const given = new Set<string>();
  for (const name of [one, other]) {
    command.on(`option:${name}`, () => {
      given.add(name);
      if (given.size === 2)
        throw new ConfigurationError(`--${one} and --${other} exclude each other: give one of them`);
    });
  }
}

const EXAMPLES = `
Examples:
  $ standpipe start
  $ standpipe start --demo
  $ DATABASE_URL=postgres://me:secret@127.0.0.1/mine COLLECTIONS='app.bsky.feed.*' standpipe start`;

/** What embedded databases and their sessions are told about this process. */
const COMMAND = "standpipe start";

async function runStart(options: StartOptions, { streams, environment }: CommandContext): Promise<void> {
  const given = readSettings("start", environment);
  // The demo has a database and a relay of its own, whatever is set.
  const settings = options.demo === true ? { ...given, DATABASE_URL: null } : given;
  // Stopped last, after everything that uses it.
  await using databases = new AsyncDisposableStack();
  await using surroundings = openProcess({ command: "start", streams, settings });
  const { screen, telemetry } = surroundings;
  using stop = listenForStop((name) => telemetry.log.info(`${name} came: stopping; a second one ends at once`));
  const database = databases.use(
    await ownDatabase({ settings, log: telemetry.log, command: COMMAND, onLost: (error) => stop.fail(error) }),
  );
  const url = await surroundings.listen();
  const unified = { surroundings, settings, stop: stop.signal } satisfies Partial<UnifiedOptions>;
  if (options.demo !== true) {
    screen.line(`database  ${database.shown}`);
    screen.line(`status    ${url}/status`);
    const end = await runUnified({
      ...unified,
      connectionString: database.connectionString,
      relays:
        options.defaultRelay === undefined || isSet("RELAY_URL", environment)
          ? settings.RELAY_URL
          : [options.defaultRelay],
      tellsEnd: true,
      exitWhenIdleMs: options.exitWhenIdle === undefined ? null : options.exitWhenIdle * 1000,
      relayLimitMs: isFirstTry(options, environment) ? settings.FIRST_TRY_SECONDS * 1000 : null,
    });
    if (end !== "no-relay") return;
    const tried = `no relay answered within ${settings.FIRST_TRY_SECONDS} s`;
    screen.line(`${tried}: playing the bundled recording into the database demo instead (--no-demo forbids it)`);
  }
  // Without an embedded server nobody has asked for a demo.
  if (database.embedded !== null) await playDemo({ ...unified, embedded: database.embedded });
}

/** Whether nobody has said yet what to do; that there is no cursor either is seen later, in the database. */
function isFirstTry(options: StartOptions, environment: Environment | undefined): boolean {
  return options.demo !== false && !isSet("RELAY_URL", environment) && !isSet("DATABASE_URL", environment);
}
