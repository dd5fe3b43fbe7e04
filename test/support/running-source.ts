/** A websocket source at work against scripted relays, with waits short enough for tests. */
import type { SavedCursor } from "../../lib/core/cursor.ts";
import type { CursorReader, EventSink, FirehoseSource } from "../../lib/firehose/port.ts";
import type { WebsocketSettings } from "../../lib/firehose/websocket/settings.ts";
import { createWebsocketSource } from "../../lib/firehose/websocket/source.ts";
import { CollectingSink } from "./collecting-sink.ts";
import { CountingTelemetry } from "./counting-telemetry.ts";

export interface RunningSource extends AsyncDisposable {
  readonly source: FirehoseSource;
  readonly sink: CollectingSink;
  readonly telemetry: CountingTelemetry;
  /** What `run` was given; settles as `run` does. */
  readonly finished: Promise<void>;
  /** Aborts, and resolves as `run` does. */
  stop(): Promise<void>;
}

export interface SourceUnderTest {
  readonly relays: readonly string[];
  readonly saved?: readonly SavedCursor[];
  readonly lastDurableTimeMs?: number | null;
  readonly settings?: Partial<WebsocketSettings>;
  /** Takes the events in place of the collecting sink. */
  readonly sink?: EventSink;
}

const QUICK: Partial<WebsocketSettings> = {
  backoffBaseMs: 5,
  backoffCapMs: 20,
  provenAfterMs: 50,
  watchIntervalMs: 10,
  probeTimeoutMs: 200,
};

export function runSource(options: SourceUnderTest): RunningSource {
  const sink = new CollectingSink();
  const telemetry = new CountingTelemetry();
  const settings = { ...QUICK, ...options.settings };
  const source = createWebsocketSource({ relays: options.relays, cursors: savedCursors(options), telemetry, settings });
  const controller = new AbortController();
  const finished = source.run(options.sink ?? sink, controller.signal);
  // A test that expects the rejection awaits `finished` itself.
  finished.catch(() => undefined);
  const stop = (): Promise<void> => {
    controller.abort();
    return finished;
  };
  const dispose = async (): Promise<void> => {
    await stop().catch(() => undefined);
  };
  return { source, sink, telemetry, finished, stop, [Symbol.asyncDispose]: dispose };
}

function savedCursors({ saved = [], lastDurableTimeMs = null }: SourceUnderTest): CursorReader {
  return {
    load: async (relay) => saved.find((cursor) => cursor.relay === relay) ?? null,
    lastDurableTimeMs: async () => lastDurableTimeMs,
  };
}
