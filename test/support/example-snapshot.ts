/** A StatusSnapshot as a healthy process gives it, with the fields that a test changes. */
import type { StatusSnapshot } from "../../lib/telemetry/status.ts";

export function exampleSnapshot(changes: Partial<StatusSnapshot> = {}): StatusSnapshot {
  return {
    version: "0.1.0",
    command: "start",
    relay: "bsky.network",
    connected: true,
    relayTrouble: null,
    databaseConnected: true,
    databaseTrouble: null,
    cursor: 31_527_015_322,
    epoch: 1,
    receivedSeq: 31_527_015_330,
    lagSeconds: 0.42,
    eventsPerSecond: 511.8,
    bytesInFlight: 4_096,
    rows: 1_204_332,
    deadLetters: 0,
    gaps: 0,
    rssBytes: 143_000_000,
    uptimeSeconds: 60,
    counters: {},
    ...changes,
  };
}
