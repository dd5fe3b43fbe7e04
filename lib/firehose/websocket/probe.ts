/** A cursor → what the relay sends first after it. One short connection that reads until the first dated event. */
import { decodeMessage } from "../../core/decode-event.ts";
import { connect } from "./connect.ts";
import { type RelayAddress, subscribeUrl } from "./relay-address.ts";
import type { ProbeResult } from "./search-entry.ts";
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
  const quiet = (detail: string): void => resolve({ ok: false, reason: "quiet", detail });
  const onAbort = (): void => resolve({ ok: false, reason: "unreachable", detail: "stopped" });
  const timer = setTimeout(() => quiet(`no dated event within ${settings.probeTimeoutMs} ms`), settings.probeTimeoutMs);
  signal.addEventListener("abort", onAbort, { once: true });
  socket.on("message", (data) => {
    const answer = readAnswer(data as Buffer, clock.nowMs());
    if (answer !== null) resolve(answer);
  });
  socket.once("close", () =>
    resolve({ ok: false, reason: "unreachable", detail: "closed before the first dated event" }),
  );
  if (signal.aborted) onAbort();
  socket.resume();
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    socket.removeAllListeners("message");
    socket.terminate();
  });
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
