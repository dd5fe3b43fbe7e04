/** A cursor → what the relay sends first after it. One short connection that reads a handful of dated events. */
import { decodeMessage } from "../../core/decode-event.ts";
import { connect } from "./connect.ts";
import { type RelayAddress, subscribeUrl } from "./relay-address.ts";
import type { DatedSeq, ProbeResult } from "./search-entry.ts";
import type { SourceClock, WebsocketSettings } from "./settings.ts";

export interface ProbeOptions {
  readonly relay: RelayAddress;
  /** null asks at live. */
  readonly cursor: number | null;
  readonly settings: WebsocketSettings;
  readonly clock: SourceClock;
  readonly signal: AbortSignal;
}

export type TimedProbeResult = ProbeResult & { readonly retryAfterMs?: number | null };

export async function probeRelay({ relay, cursor, settings, clock, signal }: ProbeOptions): Promise<TimedProbeResult> {
  const url = subscribeUrl(relay, cursor);
  const connection = await connect({
    url,
    maxPayloadBytes: settings.maxFrameBytes,
    settings,
    nowMs: clock.nowMs,
    signal,
  });
  if (!connection.ok)
    return { ok: false, reason: "unreachable", detail: connection.detail, retryAfterMs: connection.retryAfterMs };
  const { socket } = connection;
  const { promise, resolve } = Promise.withResolvers<ProbeResult>();
  const onAbort = (): void => resolve({ ok: false, reason: "unreachable", detail: "stopped" });
  signal.addEventListener("abort", onAbort, { once: true });
  const dated: DatedSeq[] = [];
  const settle = (reason: "quiet" | "unreachable", detail: string): void =>
    resolve(typical(dated) ?? { ok: false, reason, detail });
  const timer = setTimeout(
    () => settle("quiet", `no dated event within ${settings.probeTimeoutMs} ms`),
    settings.probeTimeoutMs,
  );
  const done = (): void => settle("unreachable", "closed before the first dated event");
  let settling: NodeJS.Timeout | undefined;
  socket.on("message", (data) => {
    const answer = readAnswer(data as Buffer, clock.nowMs());
    if (answer?.ok === false) resolve(answer);
    if (answer?.ok !== true) return;
    dated.push(answer);
    settling ??= setTimeout(done, settings.probeSettleMs);
    if (dated.length >= settings.probeSample) done();
  });
  socket.once("close", done);
  if (signal.aborted) onAbort();
  socket.resume();
  return promise.finally(() => {
    clearTimeout(timer);
    clearTimeout(settling);
    signal.removeEventListener("abort", onAbort);
    socket.removeAllListeners("message");
    socket.terminate();
  });
}

/** The first seq with the middle of the times: each is its sender's, and one wrong clock must not lead the search astray. */
function typical(dated: readonly DatedSeq[]): ProbeResult | null {
  const [first] = dated;
  const middle = dated.map(({ timeMs }) => timeMs).toSorted((a, b) => a - b)[dated.length >> 1];
  return first === undefined || middle === undefined ? null : { ok: true, seq: first.seq, timeMs: middle };
}

/** null: this frame dates nothing, the next may. */
function readAnswer(frame: Uint8Array, nowMs: number): ProbeResult | null {
  const message = decodeMessage(frame, nowMs);
  if (message.kind === "error") {
    const reason = message.error === "FutureCursor" ? "future" : "unreachable";
    return { ok: false, reason, detail: message.error };
  }
  if (message.kind !== "event" || message.event.timeMs === null) return null;
  return { ok: true, seq: message.event.seq, timeMs: message.event.timeMs };
}
