/** A relay and the saved cursors → where reading it starts. */
import { setTimeout as sleep } from "node:timers/promises";
import type { SavedCursor } from "../../core/cursor.ts";
import type { Log } from "../../telemetry/port.ts";
import type { CursorReader } from "../port.ts";
import { probeRelay } from "./probe.ts";
import { type OpenGap, type Progress, startProgress } from "./progress.ts";
import type { RelayAddress } from "./relay-address.ts";
import { type ProbeResult, type SearchResult, searchEntry } from "./search-entry.ts";
import type { SourceClock, WebsocketSettings } from "./settings.ts";

export type Entry =
  | { readonly ok: true; readonly progress: Progress }
  /** The relay does not answer now. */
  | { readonly ok: false; readonly detail: string };

export interface ChooseEntryOptions {
  readonly relay: RelayAddress;
  readonly cursors: CursorReader;
  /** Time of the newest event that this process handed to the sink, for when nothing is durable yet. */
  readonly receivedTimeMs: number | null;
  readonly settings: WebsocketSettings;
  readonly clock: SourceClock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * The saved cursor where it is as new as anything durable; live where nothing is; otherwise a little before the last durable
 * event's time, which another relay brought and this one has to be searched for. Rejects with what `cursors` rejects with.
 */
export async function chooseEntry(options: ChooseEntryOptions): Promise<Entry> {
  const { relay, cursors, settings, receivedTimeMs } = options;
  const saved = await cursors.load(relay.host);
  const referenceMs = (await cursors.lastDurableTimeMs()) ?? receivedTimeMs;
  if (saved !== null && isCurrent(saved, referenceMs, settings.rewindMs))
    return { ok: true, progress: resume(relay, saved) };
  if (referenceMs === null) return { ok: true, progress: startProgress({ relay, epoch: 1, seq: null }) };
  const found = await search(options, saved, referenceMs - settings.rewindMs);
  return place(options, { found, saved, referenceMs });
}

/** A cursor without a time cannot be placed otherwise than by itself. */
function isCurrent(saved: SavedCursor, referenceMs: number | null, rewindMs: number): boolean {
  return referenceMs === null || saved.timeMs === null || saved.timeMs >= referenceMs - rewindMs;
}

function resume(relay: RelayAddress, saved: SavedCursor): Progress {
  return startProgress({ relay, epoch: saved.epoch, seq: saved.seq, timeMs: saved.timeMs });
}

interface Placing {
  readonly found: SearchResult;
  readonly saved: SavedCursor | null;
  readonly referenceMs: number;
}

function place({ relay, log }: ChooseEntryOptions, { found, saved, referenceMs }: Placing): Entry {
  const epoch = saved?.epoch ?? 1;
  if (found.kind === "unreachable") return { ok: false, detail: found.detail };
  if (found.kind === "found") {
    const seq = Math.max(found.seq, saved?.seq ?? 0);
    log.info("another relay is entered before the last durable event", { relay: relay.host, seq });
    return { ok: true, progress: startProgress({ relay, epoch, seq, timeMs: referenceMs }) };
  }
  // Its own old cursor is further back, but certain.
  if (saved !== null) return { ok: true, progress: resume(relay, saved) };
  const oldest = found.kind === "window-too-short";
  const why = oldest ? "its window begins later" : found.detail;
  const detail = `${relay.host} could not be entered where the last relay was left (${why}); read from ${oldest ? "its oldest event" : "live"}`;
  log.warn("events may be missing after the switch of relay", { relay: relay.host, detail });
  const gap: OpenGap = { reason: "relay-switch", afterSeq: null, fromTimeMs: referenceMs, detail };
  return { ok: true, progress: startProgress({ relay, epoch, seq: oldest ? 0 : null, timeMs: referenceMs, gap }) };
}

function search(options: ChooseEntryOptions, saved: SavedCursor | null, targetMs: number): Promise<SearchResult> {
  const { settings } = options;
  const knownBefore = saved === null || saved.timeMs === null ? null : { seq: saved.seq, timeMs: saved.timeMs };
  const probe = (cursor: number | null): Promise<ProbeResult> => probeWithPatience(options, cursor);
  return searchEntry({
    targetMs,
    probe,
    maxProbes: settings.maxProbes,
    toleranceMs: settings.entryToleranceMs,
    knownBefore,
  });
}

/** A refused probe waits, as the relay asked or a moment, before its result is told: the search asks again at once. */
async function probeWithPatience(
  { relay, settings, clock, signal }: ChooseEntryOptions,
  cursor: number | null,
): Promise<ProbeResult> {
  const answer = await probeRelay({ relay, cursor, settings, clock, signal });
  if (!answer.ok && answer.reason === "unreachable" && !signal.aborted) {
    const waitMs = Math.min(
      settings.backoffCapMs,
      Math.max(answer.retryAfterMs ?? 0, clock.random() * settings.backoffBaseMs),
    );
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
  }
  return answer;
}
