/** The bundled recording, through a relay on loopback and the whole pipeline, into a database of its own: the first look without a network. */
import { fileURLToPath } from "node:url";
import type { Settings } from "../../lib/config/processes.ts";
import { openRecordingFile } from "../../lib/firehose/recording/open-recording-file.ts";
import { serveRecording } from "../../lib/firehose/relay/serve-recording.ts";
import type { EmbeddedPostgres } from "../../lib/store/embedded/embedded-postgres.ts";
import { queryReadOnly } from "../../lib/store/read-only-query.ts";
import { recreateDatabase } from "../../lib/store/recreate-database.ts";
import { countText } from "../../lib/telemetry/status-line.ts";
import { bundledRecording } from "../assets.ts";
import { DEMO_DATABASE } from "../database.ts";
import { demoSummary, summaryStatement } from "./demo-summary.ts";
import type { LongLivedProcess } from "./process.ts";
import { runUnified } from "./run-unified.ts";

export interface DemoOptions {
  readonly surroundings: LongLivedProcess;
  readonly settings: Settings<"start">;
  readonly embedded: EmbeddedPostgres;
  readonly stop: AbortSignal;
}

/** Loopback brings everything within a moment: silence for so long is the recording's end. */
const END_AFTER_MS = 1_000;
const SUMMARY_LIMIT_MS = 60_000;

/** Ends when the recording is in the database, and says what is there. */
export async function playDemo(options: DemoOptions): Promise<void> {
  const { surroundings, embedded, settings, stop } = options;
  const { screen, telemetry } = surroundings;
  const { recording, frameBlocks } = await openRecordingFile(fileURLToPath(bundledRecording()));
  // Each time from the beginning: a relay on another port would be another relay, with a cursor of its own.
  await recreateDatabase(embedded.connectionString("postgres"), DEMO_DATABASE);
  const connectionString = embedded.connectionString(DEMO_DATABASE);
  // That our own reader has come is no news.
  await using relay = await serveRecording({ frameBlocks, log: { ...telemetry.log, info: telemetry.log.debug } });
  const events = countText(recording.meta.frames);
  screen.line(`playing the bundled recording, ${events} events of a small network, into ${connectionString}`);
  const startedAtMs = performance.now();
  const end = await runUnified({
    surroundings,
    settings: { ...settings, COLLECTIONS: ["*"] },
    connectionString,
    relays: [relay.url],
    stop,
    exitWhenIdleMs: END_AFTER_MS,
    relayLimitMs: null,
    tellsEnd: false,
  });
  if (end !== "idle") return;
  const seconds = (performance.now() - startedAtMs - END_AFTER_MS) / 1000;
  const { rows } = await queryReadOnly({
    connectionString,
    statement: summaryStatement(settings.DATABASE_SCHEMA),
    schema: settings.DATABASE_SCHEMA,
    timeoutMs: SUMMARY_LIMIT_MS,
  });
  const counts = rows.map(([view, count]) => ({ view: String(view), rows: Number(count) }));
  const lines = demoSummary({ counts, events: recording.meta.frames, seconds, command: commandFor(settings) });
  for (const line of lines) screen.line(line);
}

/** What is printed is pasted into another shell, which may not have the setting. */
function commandFor({ DATABASE_SCHEMA }: DemoOptions["settings"]): string {
  return DATABASE_SCHEMA === "public" ? "npx standpipe" : `DATABASE_SCHEMA=${DATABASE_SCHEMA} npx standpipe`;
}
