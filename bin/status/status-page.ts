/** What `status` has found out in, the page for a person or the JSON for a program out. */
import type { GapRow, Overview, SavedCursorRow } from "../../lib/store/overview.ts";
import type { StatusSnapshot } from "../../lib/telemetry/status.ts";
import { bytesText, countText, durationText } from "../../lib/telemetry/status-line.ts";

/** Both are null where nothing answers. */
export interface Findings {
  /** Where the process was asked. */
  readonly url: string;
  readonly process: StatusSnapshot | null;
  readonly database: Overview | null;
  /** Why the database did not answer. */
  readonly databaseTrouble: string | null;
}

/** The fields of /status, null where no process answers or the database does not know them; `database` holds the details. */
export function statusAsJson(findings: Findings): string {
  const { process, database } = findings;
  const saved = database?.cursors[0] ?? null;
  const fields = process ?? {
    relay: saved?.relay ?? null,
    connected: false,
    cursor: saved?.cursor ?? null,
    epoch: saved?.epoch ?? null,
    receivedSeq: null,
    lagSeconds: null,
    eventsPerSecond: null,
    bytesInFlight: null,
    rssBytes: null,
    uptimeSeconds: null,
    counters: {},
  };
  const { rows = null, deadLetters = null, gaps = null } = database ?? process ?? {};
  const running = process === null ? null : findings.url;
  return JSON.stringify({ process: running, ...fields, rows, deadLetters, gaps, database }, null, 2);
}

/** Sections of aligned lines. */
export function statusAsText(findings: Findings): string {
  const { process, database } = findings;
  const sections = [
    process === null ? [`no process answers at ${findings.url}`] : processLines(process),
    database === null
      ? [`database   away: ${findings.databaseTrouble ?? "it does not answer"}`]
      : databaseLines(database),
  ];
  return sections.map((lines) => lines.join("\n")).join("\n\n");
}

function processLines(process: StatusSnapshot): readonly string[] {
  const relay = process.relay ?? "none yet";
  return [
    `relay      ${process.connected ? relay : `${relay} (not connected: ${process.relayTrouble ?? "no reason known"})`}`,
    `lag        ${durationText(process.lagSeconds)}, ${countText(Math.round(process.eventsPerSecond))} events/s`,
    `cursor     ${process.cursor ?? "–"} (received ${process.receivedSeq ?? "–"})`,
    `in flight  ${bytesText(process.bytesInFlight)}`,
    `process    ${process.command} ${process.version}, up ${durationText(process.uptimeSeconds)}, ${bytesText(process.rssBytes)}`,
    ...(process.databaseConnected === false
      ? [`database   away: ${process.databaseTrouble ?? "it does not answer"}`]
      : []),
    ...(process.standbyFor === undefined || process.standbyFor === null
      ? []
      : [`standby    for ${process.standbyFor}`]),
    ...(process.streamTrouble === undefined || process.streamTrouble === null
      ? []
      : [`stream     away: ${process.streamTrouble}`]),
  ];
}

function databaseLines(database: Overview): readonly string[] {
  const views = Object.entries(database.rowsByView).filter(([, rows]) => rows > 0);
  const reasons = Object.entries(database.deadLettersByReason);
  return [
    ...(database.cursors.length === 0 ? ["cursors    none yet"] : list("cursors", database.cursors.map(cursorText))),
    "",
    `rows       ${countText(database.rows)}${views.length === 0 ? "" : ", about"}`,
    ...aligned(views),
    "",
    `dead letters  ${database.deadLetters === 0 ? "none" : `${countText(database.deadLetters)} open`}`,
    ...aligned(reasons),
    "",
    `gaps       ${database.gaps === 0 ? "none" : countText(database.gaps)}`,
    ...database.latestGaps.map((gap) => `  ${gapText(gap)}`),
  ];
}

function list(name: string, texts: readonly string[]): readonly string[] {
  return texts.map((text, at) => `${(at === 0 ? name : "").padEnd(10)} ${text}`);
}

function aligned(entries: readonly (readonly [name: string, count: number])[]): readonly string[] {
  const width = Math.max(0, ...entries.map(([name]) => name.length));
  return entries.map(([name, count]) => `  ${name.padEnd(width)}  ${countText(count).padStart(11)}`);
}

function cursorText(saved: SavedCursorRow): string {
  const epoch = saved.epoch === 1 ? "" : `, epoch ${saved.epoch}`;
  const time = saved.cursorTime === null ? "" : `, events up to ${saved.cursorTime}`;
  return `${saved.relay}${epoch}: ${saved.cursor}${time}, saved ${saved.savedAt}`;
}

/** `2026-07-04T14:38:07.000Z  outdated-cursor  bsky.network: after 17, before 40 (from … to …): the relay's window …`. */
function gapText(gap: GapRow): string {
  const span = `after ${gap.afterSeq ?? "?"}, before ${gap.beforeSeq ?? "?"}`;
  const times = gap.fromTime === null && gap.toTime === null ? "" : ` (${gap.fromTime ?? "?"} to ${gap.toTime ?? "?"})`;
  return `${gap.recordedAt}  ${gap.reason}  ${gap.relay}: ${span}${times}: ${gap.detail}`;
}
