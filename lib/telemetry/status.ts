/** What a process tells about itself: the answer of `/status`, and what the status line and `standpipe status` show. */
import type { CounterTotals } from "./counters.ts";

export interface StatusSnapshot {
  readonly version: string;
  /** Command that the process runs. */
  readonly command: string;
  /** Host of the relay in use (or tried last). */
  readonly relay: string | null;
  readonly connected: boolean;
  /** Why no relay is connected, in one line; null when one is. */
  readonly relayTrouble: string | null;
  /** Null: it has no database of its own. */
  readonly databaseConnected: boolean | null;
  /** Why the database takes no writes, in one line; null when it does. */
  readonly databaseTrouble: string | null;
  /** Why the stream, or the table of its cursor, takes no writes, in one line; null when it does, or there is none. */
  readonly streamTrouble?: string | null;
  /** Who holds the lease while this process waits for it; null where it does not wait. */
  readonly standbyFor?: string | null;
  /** The durable low-water mark, and the epoch of the relay's numbering. */
  readonly cursor: number | null;
  readonly epoch: number | null;
  readonly receivedSeq: number | null;
  /** Now minus the sender's time of the newest durable event. */
  readonly lagSeconds: number | null;
  readonly eventsPerSecond: number;
  /** Accepted and not yet durable. */
  readonly bytesInFlight: number;
  /** Records stored, by the latest count. */
  readonly rows: number | null;
  /** Open dead letters. */
  readonly deadLetters: number | null;
  readonly gaps: number | null;
  readonly rssBytes: number;
  readonly uptimeSeconds: number;
  readonly counters: CounterTotals;
}

/** Verdict of `/health`: only `stuck` is a 503. */
export interface Health {
  readonly status: "ok" | "degraded" | "stuck";
  readonly reason: string | null;
}

/** Verdict of `/ready`. */
export interface Readiness {
  readonly ready: boolean;
  readonly reason: string | null;
}

/** 503 helps only against a process that stands still; what is away makes it degraded. */
export function healthOf(snapshot: StatusSnapshot, stuckStages: readonly string[]): Health {
  if (stuckStages.length > 0) {
    return { status: "stuck", reason: `no progress for 60 s in: ${stuckStages.join(", ")}` };
  }
  const reason = awayReason(snapshot);
  return reason === null ? { status: "ok", reason } : { status: "degraded", reason };
}

export function readinessOf(snapshot: StatusSnapshot): Readiness {
  const reason = awayReason(snapshot);
  return { ready: reason === null, reason };
}

/** They have no relay: what they read is the stream. */
const READERS_OF_STREAMS = new Set(["work", "poll"]);

function awayReason(snapshot: StatusSnapshot): string | null {
  const reasons: string[] = [];
  const { standbyFor = null, streamTrouble = null } = snapshot;
  // What a standby is not connected to says nothing.
  if (standbyFor !== null) return `standby: ${standbyFor} holds the lease`;
  if (snapshot.databaseConnected === false) reasons.push(`database: ${snapshot.databaseTrouble ?? "not connected"}`);
  if (streamTrouble !== null) reasons.push(`stream: ${streamTrouble}`);
  if (!snapshot.connected && !READERS_OF_STREAMS.has(snapshot.command))
    reasons.push(`relay: ${snapshot.relayTrouble ?? "not connected"}`);
  return reasons.length === 0 ? null : reasons.join("; ");
}
