/** What every long-lived process has around its work: screen, log, counters, vitals, the four HTTP paths, and its beat. */
import { ConfigurationError } from "../../lib/config/configuration-error.ts";
import type { Settings } from "../../lib/config/processes.ts";
import { ListenError, type StatusServer, serveStatus } from "../../lib/http/status-server.ts";
import { type Counters, createCounters } from "../../lib/telemetry/counters.ts";
import type { Telemetry } from "../../lib/telemetry/port.ts";
import { createMetricsPage } from "../../lib/telemetry/prometheus.ts";
import { createScreen, type Screen, screenLog } from "../../lib/telemetry/screen.ts";
import { healthOf } from "../../lib/telemetry/status.ts";
import { statusLine } from "../../lib/telemetry/status-line.ts";
import { createTelemetry } from "../../lib/telemetry/telemetry.ts";
import { createWatchdog, watch } from "../../lib/telemetry/watchdog.ts";
import type { Streams } from "../command-context.ts";
import { boundHeap } from "./bound-heap.ts";
import { stagesOf } from "./stages.ts";
import { createVitals, type Downstream, STARTING, type Vitals } from "./vitals.ts";

export interface LongLivedProcess extends AsyncDisposable {
  readonly screen: Screen;
  readonly telemetry: Telemetry;
  readonly vitals: Vitals;
  readonly counters: Counters;
  /** Of every usual wait: 1, and less in tests of faults. */
  readonly waitShare: number;
  /**
   * Opens the HTTP paths and returns where they are. On its own, since who shares a data directory with us shares PORT as well, and of the
   * two it is the directory that a person has to be told about. @throws ConfigurationError where PORT cannot be had.
   */
  listen(): Promise<string>;
}

export interface ProcessOptions {
  readonly command: string;
  /** The database unless told. */
  readonly downstream?: Downstream;
  readonly streams: Streams;
  readonly settings: Pick<Settings<"start">, "PORT" | "HTTP_HOST" | "LOG_LEVEL" | "MAX_IN_FLIGHT_MB" | "WAITS_PERCENT">;
}

/** How often the status line is rewritten on a terminal, and how often it is printed elsewhere. */
const REWRITE_EVERY_MS = 1_000;
const PRINT_EVERY_MS = 10_000;

/** Disposing stops the HTTP server and the status line. */
export function openProcess(options: ProcessOptions): LongLivedProcess {
  const { command, downstream = "database", streams, settings } = options;
  boundHeap();
  const screen = createScreen(streams);
  const log = screenLog(screen, { level: settings.LOG_LEVEL, readable: streams.err.isTTY === true });
  const counters = createCounters();
  const vitals = createVitals({ command, counters, downstream });
  const resources = new AsyncDisposableStack();
  const stages = stagesOf(vitals, { maxInFlightBytes: settings.MAX_IN_FLIGHT_MB * 1e6, downstream });
  const waitShare = settings.WAITS_PERCENT / 100;
  const watchdog = createWatchdog({ stages, nowMs: () => performance.now(), waitShare });
  resources.use(watch(watchdog));
  resources.use(startBeat(screen, vitals));
  return {
    screen,
    telemetry: createTelemetry({ counters, log }),
    vitals,
    counters,
    waitShare,
    async listen() {
      const server = await listen(options, {
        snapshot: () => vitals.snapshot(),
        health: (snapshot) => healthOf(snapshot, watchdog.stuck()),
        metrics: createMetricsPage(counters),
      });
      return resources.use(server).url;
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function listen(options: ProcessOptions, sources: Parameters<typeof serveStatus>[0]): Promise<StatusServer> {
  const { PORT, HTTP_HOST } = options.settings;
  try {
    return await serveStatus(sources, { host: HTTP_HOST, port: PORT });
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    const problem =
      error.code === "EADDRINUSE"
        ? `PORT=${PORT}: is taken by another process: must be a free port (0 takes any)`
        : `HTTP_HOST=${HTTP_HOST}, PORT=${PORT}: cannot listen there (${error.code}): must be an address and a port of this machine`;
    throw new ConfigurationError(problem);
  }
}

/** Rates and gauges each second, and the status line. */
function startBeat(screen: Screen, vitals: Vitals): Disposable {
  const beat = setInterval(() => vitals.tick(), 1_000);
  const isTerminal = screen.width !== null;
  const show = setInterval(
    () => {
      // Until then there is nothing to say that the lines before have not said.
      if (vitals.connectTrouble === STARTING) return;
      screen.status(statusLine(vitals.snapshot(), screen.width === null ? {} : { width: screen.width - 1 }));
    },
    isTerminal ? REWRITE_EVERY_MS : PRINT_EVERY_MS,
  );
  return {
    [Symbol.dispose]() {
      clearInterval(beat);
      clearInterval(show);
      screen.endStatus();
    },
  };
}
