/** StatusSnapshot in, one line for a person out. */
import type { StatusSnapshot } from "./status.ts";

/** `bsky.network · lag 0.4 s · 512 events/s · 1,204,332 rows · 143 MB · cursor 31527015322`, cut to `width`. */
export function statusLine(snapshot: StatusSnapshot, options: { readonly width?: number } = {}): string {
  const { standbyFor = null, streamTrouble = null } = snapshot;
  const parts = [
    standbyFor === null ? relayPart(snapshot) : `standby for ${standbyFor}`,
    ...(snapshot.databaseConnected === false ? [`database away: ${snapshot.databaseTrouble ?? "not connected"}`] : []),
    ...(streamTrouble === null ? [] : [`stream away: ${streamTrouble}`]),
    `lag ${durationText(snapshot.lagSeconds)}`,
    `${countText(Math.round(snapshot.eventsPerSecond))} events/s`,
    ...(snapshot.databaseConnected === null ? [] : [`${snapshot.rows === null ? "–" : countText(snapshot.rows)} rows`]),
    ...(snapshot.deadLetters === null || snapshot.deadLetters === 0
      ? []
      : [`${countText(snapshot.deadLetters)} dead letters`]),
    ...(snapshot.gaps === null || snapshot.gaps === 0
      ? []
      : [`${countText(snapshot.gaps)} ${snapshot.gaps === 1 ? "gap" : "gaps"}`]),
    bytesText(snapshot.rssBytes),
    `cursor ${snapshot.cursor ?? "–"}`,
  ];
  const line = parts.join(" · ");
  const width = options.width ?? Number.POSITIVE_INFINITY;
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}

function relayPart(snapshot: StatusSnapshot): string {
  const relay = snapshot.relay ?? "no relay yet";
  if (snapshot.connected) return relay;
  return snapshot.relayTrouble === null
    ? `${relay} (not connected)`
    : `${relay} (not connected: ${snapshot.relayTrouble})`;
}

/** 1204332 → `1,204,332`. */
export function countText(count: number): string {
  return count.toLocaleString("en-US");
}

/** Bytes → `812 KB`, `143 MB`, `2.1 GB` (decimal units). */
export function bytesText(bytes: number): string {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} KB`;
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** Seconds → `0.4 s`, `45 s`, `12 min`, `5.2 h`, `3.1 days`; null → `–`. */
export function durationText(seconds: number | null): string {
  if (seconds === null) return "–";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${(seconds / 3_600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} days`;
}
