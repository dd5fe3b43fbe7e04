/** How far reading one relay has come: the state that outlives a connection. */
import type { Gap } from "../../core/cursor.ts";
import type { RelayAddress } from "./relay-address.ts";
import type { FramePlace } from "./strikes.ts";

/** A gap whose end is known only once the first event after it arrives. */
export type OpenGap = Pick<Gap, "reason" | "afterSeq" | "fromTimeMs" | "detail">;

/** Changed in place by the reader, frame by frame. */
export interface Progress {
  readonly relay: RelayAddress;
  readonly epoch: number;
  /** Newest seq received, or where reading starts after; null: from live, and nothing has come yet. */
  seq: number | null;
  /** The sender's time of the newest event with a readable one. */
  timeMs: number | null;
  /** Whether the sink knows that events count in this numbering. */
  entered: boolean;
  /** To be recorded before the next event is handed on. */
  gap: OpenGap | null;
}

export function startProgress(start: {
  readonly relay: RelayAddress;
  readonly epoch: number;
  readonly seq: number | null;
  readonly timeMs?: number | null;
  readonly gap?: OpenGap | null;
}): Progress {
  return { ...start, timeMs: start.timeMs ?? null, gap: start.gap ?? null, entered: false };
}

/** What the ledger gets once `beforeSeq`, the first event after the gap, is here. */
export function closeGap(
  progress: Progress,
  gap: OpenGap,
  first: { readonly seq: number; readonly timeMs: number | null },
): Gap {
  return { ...gap, relay: progress.relay.host, epoch: progress.epoch, beforeSeq: first.seq, toTimeMs: first.timeMs };
}

/** The same host's numbering began anew: read what it has from the oldest on, since nothing of it has been seen. */
export function nextEpoch(progress: Progress): Progress {
  const epoch = progress.epoch + 1;
  const detail = `${progress.relay.host} no longer knows seq ${progress.seq}: its numbering began anew, epoch ${epoch} is read from its oldest event`;
  const gap: OpenGap = { reason: "new-epoch", afterSeq: progress.seq, fromTimeMs: progress.timeMs, detail };
  return startProgress({ relay: progress.relay, epoch, seq: 0, timeMs: progress.timeMs, gap });
}

/** The relay's window begins after our cursor. */
export function outdatedGap(progress: Progress, message: string | null): OpenGap {
  const said = message === null ? "" : `: ${message.slice(0, 200)}`;
  const detail = `${progress.relay.host} no longer keeps what followed seq ${progress.seq}${said}`;
  return { reason: "outdated-cursor", afterSeq: progress.seq, fromTimeMs: progress.timeMs, detail };
}

/** Where the next frame stands. */
export function placeOf(progress: Progress): FramePlace {
  return { relay: progress.relay.host, epoch: progress.epoch, seqBefore: progress.seq };
}
