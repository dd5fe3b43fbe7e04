import { expect, test } from "vitest";
import { endLine } from "../../../../bin/unified/end-line.ts";

test("says what was read, what is there and where it goes on", () => {
  const counters = { received_events_total: { commit: 6_000, identity: 501 } };
  expect(endLine("stopped", { counters, rows: 5_847, cursor: 6_501, relay: "bsky.network" })).toBe(
    "stopped: 6,501 events read, 5,847 rows in the database, cursor 6501 of bsky.network",
  );
});

test("leaves out what nobody knows", () => {
  const nothing = { counters: { received_events_total: {} }, rows: null, cursor: null, relay: null };
  expect(endLine("stopped", nothing)).toBe("stopped: 0 events read");
  expect(endLine("stopped", { ...nothing, relay: "bsky.network" })).toBe("stopped: 0 events read, no cursor yet");
});
