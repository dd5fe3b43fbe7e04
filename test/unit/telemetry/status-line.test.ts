import { expect, test } from "vitest";
import { bytesText, durationText, statusLine } from "../../../lib/telemetry/status-line.ts";
import { exampleSnapshot } from "../../support/example-snapshot.ts";

test("says what a person looks for, in one line", () => {
  expect(statusLine(exampleSnapshot())).toBe(
    "bsky.network · lag 0.4 s · 512 events/s · 1,204,332 rows · 143 MB · cursor 31527015322",
  );
});

test("shows dead letters and gaps only where there are some", () => {
  expect(statusLine(exampleSnapshot({ deadLetters: 3, gaps: 1 }))).toContain("rows · 3 dead letters · 1 gap · 143 MB");
});

test("says why relay and database are away", () => {
  const line = statusLine(
    exampleSnapshot({
      connected: false,
      relayTrouble: "getaddrinfo ENOTFOUND bsky.network",
      databaseConnected: false,
      databaseTrouble: "connection refused",
      rows: null,
      cursor: null,
      lagSeconds: null,
    }),
  );
  expect(line).toBe(
    "bsky.network (not connected: getaddrinfo ENOTFOUND bsky.network) · database away: connection refused · lag – · 512 events/s · – rows · 143 MB · cursor –",
  );
});

test("of a process without a database says what it writes to, or for whom it stands by", () => {
  const ingester = { databaseConnected: null, databaseTrouble: null, rows: null, deadLetters: null, gaps: null };
  expect(statusLine(exampleSnapshot({ ...ingester, streamTrouble: "throttled" }))).toBe(
    "bsky.network · stream away: throttled · lag 0.4 s · 512 events/s · 143 MB · cursor 31527015322",
  );
  expect(statusLine(exampleSnapshot({ ...ingester, connected: false, standbyFor: "other/1" }))).toMatch(
    /^standby for other\/1 · lag/,
  );
});

test("never wraps on a terminal: it is cut to its width", () => {
  const line = statusLine(exampleSnapshot(), { width: 40 });
  expect(line).toHaveLength(40);
  expect(line.endsWith("…")).toBe(true);
});

test.each([
  [0.44, "0.4 s"],
  [45.4, "45 s"],
  [720, "12 min"],
  [18_720, "5.2 h"],
  [267_840, "3.1 days"],
  [null, "–"],
])("%s seconds are %s", (seconds, text) => {
  expect(durationText(seconds)).toBe(text);
});

test.each([
  [812_000, "812 KB"],
  [143_400_000, "143 MB"],
  [2_100_000_000, "2.1 GB"],
])("%s bytes are %s", (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});
