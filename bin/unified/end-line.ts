/** How a run ended and what it has done in, one line for whoever reads the end of the output out. */
import type { StatusSnapshot } from "../../lib/telemetry/status.ts";
import { countText } from "../../lib/telemetry/status-line.ts";

/** `stopped: 6,501 events read, 5,847 rows in the database, cursor 6501 of 127.0.0.1:2470`. */
export function endLine(why: string, snapshot: Pick<StatusSnapshot, "counters" | "rows" | "cursor" | "relay">): string {
  const { rows, cursor, relay } = snapshot;
  const read = snapshot.counters["received_events_total"] ?? 0;
  const events = typeof read === "number" ? read : Object.values(read).reduce((sum, count) => sum + count, 0);
  const parts = [
    `${countText(events)} ${events === 1 ? "event" : "events"} read`,
    ...(rows === null ? [] : [`${countText(rows)} ${rows === 1 ? "row" : "rows"} in the database`]),
    // Without a relay the database has not been asked for its cursor yet.
    ...(relay === null ? [] : [cursor === null ? "no cursor yet" : `cursor ${cursor} of ${relay}`]),
  ];
  return `${why}: ${parts.join(", ")}`;
}
