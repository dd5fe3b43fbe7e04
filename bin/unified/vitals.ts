/** What the parts of a running process say about themselves, gathered into one StatusSnapshot. */
import type { SavedCursor } from "../../lib/core/cursor.ts";
import type { SourceState } from "../../lib/firehose/port.ts";
import type { IngestState } from "../../lib/ingest/ingest.ts";
import type { Totals } from "../../lib/store/overview.ts";
import type { Counters } from "../../lib/telemetry/counters.ts";
import { createRateMeter } from "../../lib/telemetry/rate.ts";
import type { StatusSnapshot } from "../../lib/telemetry/status.ts";
import { packageVersion } from "../version.ts";

/** What the process writes to, and what `connectTrouble` and `writeTrouble` are about. */
export type Downstream = "database" | "stream";

/** Before the database (or the stream) has been asked for the first time. */
export const STARTING = "starting";

export interface Vitals {
  /** Null before reading begins, and between two pipelines. */
  source: (() => SourceState) | null;
  ingest: (() => IngestState) | null;
  /** The cursors with which reading began, by relay: they count until there is a mark of this process' own. */
  savedCursors: ReadonlyMap<string, SavedCursor>;
  totals: Totals | null;
  /** Why the database (or the stream) cannot be asked, in one line for a person; null while it answers. */
  connectTrouble: string | null;
  /** Why it takes no writes although it answers. */
  writeTrouble: string | null;
  /** Who holds the lease that this process waits for. */
  standbyFor: string | null;
  /** The source is a stream, not a relay. */
  readsStream: boolean;
  snapshot(): StatusSnapshot;
  /** Notes the rate and the gauges; called each second. */
  tick(): void;
}

export interface VitalsOptions {
  readonly command: string;
  readonly counters: Counters;
  readonly downstream?: Downstream;
}

export function createVitals({ command, counters, downstream = "database" }: VitalsOptions): Vitals {
  const startedAtMs = performance.now();
  const rate = createRateMeter(() => performance.now());
  let eventsPerSecond = 0;
  const vitals: Vitals = {
    source: null,
    ingest: null,
    savedCursors: new Map(),
    totals: null,
    connectTrouble: STARTING,
    writeTrouble: null,
    standbyFor: null,
    readsStream: false,
    snapshot() {
      const source = vitals.source?.() ?? null;
      const ingest = vitals.ingest?.() ?? null;
      const mark = durableMark(source, ingest, vitals.savedCursors);
      const trouble = vitals.connectTrouble ?? vitals.writeTrouble;
      return {
        version: packageVersion(),
        command,
        relay: source?.relay ?? null,
        connected: source?.connected ?? false,
        ...troubleOfSource(source, vitals.readsStream),
        ...(downstream === "database"
          ? { databaseConnected: trouble === null, databaseTrouble: trouble, standbyFor: vitals.standbyFor }
          : { databaseConnected: null, databaseTrouble: null, streamTrouble: trouble, standbyFor: vitals.standbyFor }),
        cursor: mark.cursor,
        epoch: mark.epoch,
        receivedSeq: source?.receivedSeq ?? null,
        lagSeconds: lagSeconds(source, mark),
        eventsPerSecond: Math.round(eventsPerSecond * 10) / 10,
        bytesInFlight: ingest?.bytesInFlight ?? 0,
        rows: vitals.totals?.rows ?? null,
        deadLetters: vitals.totals?.deadLetters ?? null,
        gaps: vitals.totals?.gaps ?? null,
        rssBytes: process.memoryUsage.rss(),
        uptimeSeconds: Math.round((performance.now() - startedAtMs) / 1000),
        counters: counters.totals(),
      };
    },
    tick() {
      eventsPerSecond = rate.sample(handledEvents(counters, downstream));
      const { rssBytes, lagSeconds, cursor } = vitals.snapshot();
      counters.set("resident_bytes", rssBytes, "");
      if (cursor !== null) counters.set("cursor_seq", cursor, "");
      if (lagSeconds !== null) counters.set("lag_seconds", lagSeconds, "");
    },
  };
  return vitals;
}

function troubleOfSource(
  source: SourceState | null,
  readsStream: boolean,
): Pick<StatusSnapshot, "relayTrouble" | "streamTrouble"> {
  if (readsStream) return { relayTrouble: null, streamTrouble: source === null ? "not read yet" : source.trouble };
  return { relayTrouble: source === null ? "not read yet" : source.trouble };
}

function handledEvents(counters: Counters, downstream: Downstream): number {
  switch (downstream) {
    case "database":
      return counters.total("applied_events_total") + counters.total("repeated_events_total");
    case "stream":
      return counters.total("received_events_total");
  }
}

type Mark = Pick<IngestState, "cursor" | "epoch" | "eventTimeMs">;

/** Ingest's own once it has entered a relay's numbering, until then the saved one of the relay in use. */
function durableMark(
  source: SourceState | null,
  ingest: IngestState | null,
  savedCursors: Vitals["savedCursors"],
): Mark {
  if (ingest !== null && ingest.epoch !== null) return ingest;
  const saved = source === null ? undefined : savedCursors.get(source.relay);
  // 0 stands before the first event.
  return {
    cursor: saved === undefined || saved.seq === 0 ? null : saved.seq,
    epoch: saved?.epoch ?? null,
    eventTimeMs: saved?.timeMs ?? null,
  };
}

/** Senders' clocks run ahead as well: lag is never negative. */
function lagSeconds(source: SourceState | null, { eventTimeMs }: Mark): number | null {
  if (source === null || eventTimeMs === null) return null;
  return Math.max(0, Math.round((Date.now() - eventTimeMs) / 100) / 10);
}
