/** `standpipe relay`: a recording, served as a relay would. */
import { once } from "node:events";
import type { Command } from "commander";
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import { readSettings } from "../../lib/config/read-settings.ts";
import { openRecordingFile } from "../../lib/firehose/recording/open-recording-file.ts";
import { RelayListenError, type RelayServer, serveRecording } from "../../lib/firehose/relay/serve-recording.ts";
import { createScreen, screenLog } from "../../lib/telemetry/screen.ts";
import { countText } from "../../lib/telemetry/status-line.ts";
import type { CommandContext } from "../command-context.ts";
import { speedOption, wholeNumberBetween } from "../options.ts";
import { listenForStop } from "../stop-signals.ts";

interface RelayOptions {
  readonly replay: string;
  readonly host: string;
  readonly port: number;
  readonly speed: number | "max";
  readonly loop?: number | true;
  readonly window?: number;
  readonly inclusive?: true;
}

/** Where the reference relay listens as well. */
const DEFAULT_PORT = 2470;

export function addRelay(program: Command, context: CommandContext): void {
  program
    .command("relay")
    .description("Serve a recording as a relay would, with its rules for cursors. It writes no rows.")
    .requiredOption("--replay <file>", "the recording")
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--port <number>", "port to listen on, 0 for any free one", wholeNumberBetween(0, 65_535), DEFAULT_PORT)
    .option("--speed <events>", "events a second, or max: as fast as it is read", speedOption, "max")
    .option(
      "--loop [times]",
      "play it again, with rewritten seqs: so many times, or for ever",
      wholeNumberBetween(1, 1e9),
    )
    .option("--window <events>", "how many of the newest events a cursor reaches back", wholeNumberBetween(1, 1e12))
    .option("--inclusive", "send a cursor's own event again, as some relays do")
    .addHelpText("after", EXAMPLES)
    .action((options: RelayOptions) => runRelay(options, context));
}

const EXAMPLES = `
Examples:
  $ standpipe relay --replay test/fixtures/network.spr
  $ standpipe relay --replay network.spr --speed 500 --loop
  $ RELAY_URL=ws://127.0.0.1:${DEFAULT_PORT} standpipe start`;

/** Runs until a signal comes. @throws RecordingError, ConfigurationError */
async function runRelay(options: RelayOptions, { streams, environment }: CommandContext): Promise<void> {
  const settings = readSettings("relay", environment);
  const screen = createScreen(streams);
  const log = screenLog(screen, { level: settings.LOG_LEVEL, readable: streams.err.isTTY === true });
  using stop = listenForStop((name) => log.info(`stopping, ${name} came`));
  const { recording, frameBlocks } = await openRecordingFile(options.replay);
  await using server = await listen(() => {
    const { replay: _, window: windowEvents, ...rest } = options;
    return serveRecording({ ...rest, ...(windowEvents === undefined ? {} : { windowEvents }), frameBlocks, log });
  }, options);
  const { frames, firstSeq, lastSeq, recordedAt } = recording.meta;
  screen.line(`${countText(frames)} frames (seq ${firstSeq} to ${lastSeq}, recorded ${recordedAt})`);
  screen.line(`relay at ${server.url}, read it with: RELAY_URL=${server.url} standpipe start`);
  if (!stop.signal.aborted) await once(stop.signal, "abort");
}

async function listen(serve: () => Promise<RelayServer>, options: RelayOptions): Promise<RelayServer> {
  try {
    return await serve();
  } catch (error) {
    if (!(error instanceof RelayListenError)) throw error;
    const allowed = "must be a free port of this machine (0 takes any)";
    throw new ConfigurationError(`--host ${options.host} --port ${options.port}: ${allowed}`, { cause: error.cause });
  }
}
