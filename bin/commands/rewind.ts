/** `standpipe rewind`: the ingester's cursor, moved back, so that the relay is read from there again. */
import { hostname } from "node:os";
import { type Command, InvalidArgumentError } from "commander";
import type { RewindResult, RewindTarget } from "../../lib/checkpoint/dynamodb/rewind.ts";
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import type { Settings } from "../../lib/config/processes.ts";
import { readSettings } from "../../lib/config/read-settings.ts";
import type { SavedCursor } from "../../lib/core/cursor.ts";
import { createScreen } from "../../lib/telemetry/screen.ts";
import type { CommandContext } from "../command-context.ts";
import { readTimeInUtc } from "../options.ts";

interface RewindCommandOptions {
  readonly to: RewindTarget;
  readonly relay?: string;
  readonly force?: true;
}

const DAY_MS = 86_400_000;

export function addRewind(program: Command, context: CommandContext): void {
  program
    .command("rewind")
    .description("Move the cursor of ingest back, so that it reads from there again (needs KINESIS_STREAM_NAME).")
    .requiredOption("--to <place>", "a seq, 0 for the oldest that the relay has, or a time in UTC", targetArgument)
    .option("--relay <host>", "whose cursor (default: that of the relay read last)")
    .option("--force", "also to a time longer ago than TOMBSTONE_DAYS: what was deleted since may come back")
    .addHelpText("after", EXAMPLES)
    .action((options: RewindCommandOptions) => run(options, context));
}

const EXAMPLES = `
An ingester at work ends with 1, as after any take-over, and the next one reads from the place: on AWS the service starts it by itself.
What comes twice changes nothing in the database.

Examples:
  $ standpipe rewind --to 31527015322
  $ standpipe rewind --to 2026-11-20T08:00:00Z`;

async function run(options: RewindCommandOptions, { streams, environment }: CommandContext): Promise<void> {
  const settings = readSettings("rewind", environment);
  const { streamName, tableName } = placesOf(settings);
  refuseForgotten(options, settings);
  // Half a second of loading that no other command has to pay for.
  const { runRewind } = await import("../rewind/run-rewind.ts");
  const result = await runRewind({
    settings,
    tableName,
    name: streamName,
    relay: options.relay ?? null,
    target: options.to,
    owner: `standpipe rewind on ${hostname()}`,
  });
  createScreen(streams).line(outcomeText(result, options, tableName));
}

function placesOf(settings: Settings<"rewind">): { readonly streamName: string; readonly tableName: string } {
  const { KINESIS_STREAM_NAME: streamName, DYNAMODB_TABLE_NAME: tableName } = settings;
  if (streamName === null || tableName === null) {
    const missing = streamName === null ? "KINESIS_STREAM_NAME" : "DYNAMODB_TABLE_NAME";
    throw new ConfigurationError(
      `${missing} is not set: rewind moves the cursor that ingest keeps beside a Kinesis stream`,
    );
  }
  return { streamName, tableName };
}

/** Of a seq nobody knows how old it is before the relay is asked. */
function refuseForgotten({ to, force }: RewindCommandOptions, { TOMBSTONE_DAYS: days }: Settings<"rewind">): void {
  if (to.kind !== "time" || force === true || Date.now() - to.timeMs <= days * DAY_MS) return;
  throw new ConfigurationError(
    `--to ${new Date(to.timeMs).toISOString()}: deletes are remembered for ${days} days (TOMBSTONE_DAYS): a record deleted since would come back; --force reads from there all the same`,
  );
}

/** @throws ConfigurationError where nothing was moved. */
function outcomeText(result: RewindResult, options: RewindCommandOptions, tableName: string): string {
  if (result.ok) {
    const { from, fence } = result;
    return `the cursor of ${from.relay} goes back from ${placeText(from)} to ${targetText(options.to)}; whoever held the lease is fenced (${fence}), and the next one reads from there`;
  }
  switch (result.reason) {
    case "no-cursor":
      throw new ConfigurationError(
        `table ${tableName} has no cursor of ${options.relay ?? "any relay"} for this stream: nothing to move back`,
      );
    case "forward":
      throw new ConfigurationError(
        `--to ${targetText(options.to)}: the cursor of ${result.from.relay} is at ${placeText(result.from)}: it only goes back, since what lies between would be left out`,
      );
  }
}

function placeText({ seq, timeMs }: SavedCursor): string {
  return timeMs === null || timeMs === 0 ? String(seq) : `${seq} (${new Date(timeMs).toISOString()})`;
}

function targetText(target: RewindTarget): string {
  return target.kind === "seq" ? String(target.seq) : new Date(target.timeMs).toISOString();
}

function targetArgument(text: string): RewindTarget {
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) return { kind: "seq", seq: Number(text) };
  const timeMs = readTimeInUtc(text);
  if (!(timeMs > 0)) throw new InvalidArgumentError("Must be a seq, or a time such as 2026-11-20T08:00:00Z.");
  return { kind: "time", timeMs };
}
