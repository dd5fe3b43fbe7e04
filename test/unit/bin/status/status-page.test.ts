import { expect, test } from "vitest";
import { type Findings, statusAsJson, statusAsText } from "../../../../bin/status/status-page.ts";
import { exampleSnapshot } from "../../../support/example-snapshot.ts";

const DATABASE: NonNullable<Findings["database"]> = {
  rows: 1_204_400,
  deadLetters: 3,
  gaps: 1,
  rowsByView: { users: 1000, posts: 20_000, likes: 0 },
  deadLettersByReason: { "hash-mismatch": 2, "missing-block": 1 },
  latestGaps: [
    {
      reason: "outdated-cursor",
      relay: "bsky.network",
      epoch: 1,
      afterSeq: 17,
      beforeSeq: 40,
      fromTime: "2026-07-01T00:00:00.000Z",
      toTime: null,
      detail: "the cursor was older than the relay's window",
      recordedAt: "2026-07-04T14:38:07.000Z",
    },
  ],
  cursors: [
    {
      relay: "bsky.network",
      epoch: 1,
      cursor: 31_527_015_300,
      cursorTime: "2026-07-04T14:38:07.000Z",
      savedAt: "2026-07-04T14:38:08.000Z",
    },
  ],
};
const FINDINGS: Findings = {
  url: "http://127.0.0.1:8080/status",
  process: exampleSnapshot(),
  database: DATABASE,
  databaseTrouble: null,
};

test("tells relay, lag, cursor, rows by view, dead letters by reason and gaps with reason and span", () => {
  const text = statusAsText(FINDINGS);
  expect(text).toContain("relay      bsky.network\n");
  expect(text).toContain("lag        0.4 s, 512 events/s");
  expect(text).toContain("cursor     31527015322 (received 31527015330)");
  expect(text).toMatch(/^ {2}posts +20,000$/m);
  expect(text).not.toMatch(/^ {2}likes/m);
  expect(text).toMatch(/^dead letters {2}3 open\n {2}hash-mismatch +2\n {2}missing-block +1$/m);
  expect(text).toContain(
    "outdated-cursor  bsky.network: after 17, before 40 (2026-07-01T00:00:00.000Z to ?): the cursor was older",
  );
});

test("without a process it says so and shows the saved cursor", () => {
  const text = statusAsText({ ...FINDINGS, process: null });
  expect(text).toContain("no process answers at http://127.0.0.1:8080/status");
  expect(text).toContain("cursors    bsky.network: 31527015300, events up to 2026-07-04T14:38:07.000Z");
});

test("with the database away it says why", () => {
  const text = statusAsText({ ...FINDINGS, database: null, databaseTrouble: "connect ECONNREFUSED 127.0.0.1:5432" });
  expect(text).toContain("database   away: connect ECONNREFUSED 127.0.0.1:5432");
});

test("the JSON has the fields of /status, and numbers or null where no process answers", () => {
  const withProcess = JSON.parse(statusAsJson(FINDINGS)) as Record<string, unknown>;
  expect(withProcess).toMatchObject({
    process: FINDINGS.url,
    connected: true,
    cursor: 31_527_015_322,
    rows: 1_204_400,
  });
  const without = JSON.parse(statusAsJson({ ...FINDINGS, process: null })) as Record<string, unknown>;
  expect(without).toMatchObject({
    process: null,
    relay: "bsky.network",
    connected: false,
    cursor: 31_527_015_300,
    receivedSeq: null,
    lagSeconds: null,
    eventsPerSecond: null,
    bytesInFlight: null,
    rows: 1_204_400,
    deadLetters: 3,
    gaps: 1,
    rssBytes: null,
  });
});
