/** The stages of the unified process, as the watchdog sees them. */
import { hasRoom } from "../../lib/ingest/byte-budget.ts";
import type { Stage } from "../../lib/telemetry/watchdog.ts";
import type { Downstream, Vitals } from "./vitals.ts";

/**
 * A relay that sends nothing gives the source no input, and a database that is away takes no writes: neither makes the process stuck.
 * What does: a socket that stays paused although there is room, and events that lie although the database would take them.
 */
export function stagesOf(
  vitals: Vitals,
  options: { readonly maxInFlightBytes: number; readonly downstream?: Downstream },
): readonly Stage[] {
  return [
    {
      name: "source",
      state() {
        const source = vitals.source?.();
        const bytesInFlight = vitals.ingest?.().bytesInFlight ?? 0;
        return {
          progress: source?.lastFrameAtMs ?? 0,
          hasInput: source?.connected === true && source.paused,
          // Not below the whole budget: what is paused at its end goes on further down.
          downstreamOk: hasRoom(bytesInFlight, options.maxInFlightBytes),
        };
      },
    },
    {
      name: options.downstream === "stream" ? "append" : "apply",
      state() {
        const ingest = vitals.ingest?.();
        return {
          progress: ingest?.durablePacks ?? 0,
          hasInput: (ingest?.bytesInFlight ?? 0) > 0,
          downstreamOk: vitals.connectTrouble === null && vitals.writeTrouble === null,
        };
      },
    },
  ];
}
