/** The canary on a real database, with the rights of `reader`. */
import { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { reportFreshness } from "../../../functions/freshness/report-freshness.ts";
import { readSettings } from "../../../lib/config/read-settings.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { freePort } from "../../support/free-port.ts";

const NOW_MS = Date.UTC(2026, 10, 21);

let database: TestDatabase;
let owner: Client;
let warnings: string[];

beforeAll(async () => {
  database = await createTestDatabase();
  owner = new Client({ connectionString: database.connectionString });
  await owner.connect();
  await owner.query("INSERT INTO standpipe.relay (id, host, epoch) VALUES (1, 'relay.test', 1)");
});
beforeEach(async () => {
  warnings = [];
  await owner.query("DELETE FROM standpipe.lane");
});
afterAll(async () => {
  await owner.end();
  await database.drop();
});

async function lane(
  number: number,
  { event, applied }: { readonly event: string; readonly applied: string },
): Promise<void> {
  await owner.query(
    "INSERT INTO standpipe.lane (lane, relay, event_time, applied_at) VALUES ($1, 1, now() + $2::interval, now() + $3::interval)",
    [number, event, applied],
  );
}

async function report(environment: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
  const address = new URL(database.connectionString);
  address.searchParams.set("options", "-c role=reader");
  const settings = readSettings("freshness", {
    DATABASE_URL: address.href,
    EMF_NAMESPACE: "Standpipe/test",
    ...environment,
  });
  const lines: string[] = [];
  const log = { debug() {}, info() {}, warn: (message: string) => void warnings.push(message), error() {} };
  await reportFreshness({ settings, log, nowMs: () => NOW_MS, write: (line) => void lines.push(line) });
  return lines;
}

async function reportedAge(): Promise<number> {
  const [line] = await report();
  return (JSON.parse(line ?? "{}") as { readonly newest_row_age_seconds: number }).newest_row_age_seconds;
}

describe("the canary", () => {
  it("writes one line, of one metric with the dimensions that the alarm looks for", async () => {
    await lane(0, { event: "-1 hour", applied: "-1 hour" });
    const lines = await report();
    expect(lines).toHaveLength(1);
    expect(lines[0]?.endsWith("\n")).toBe(true);
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      _aws: {
        Timestamp: NOW_MS,
        CloudWatchMetrics: [
          {
            Namespace: "Standpipe/test",
            Dimensions: [["command"]],
            Metrics: [{ Name: "newest_row_age_seconds", Unit: "Seconds" }],
          },
        ],
      },
      command: "freshness",
      newest_row_age_seconds: expect.closeTo(3600, -1) as number,
    });
  });

  it("takes the lane that is farthest", async () => {
    await lane(0, { event: "-1 hour", applied: "-1 minute" });
    await lane(1, { event: "-90 seconds", applied: "-80 seconds" });
    expect(await reportedAge()).toBeCloseTo(90, -1);
  });

  it("believes no sender whose clock is ahead of the writing", async () => {
    await lane(0, { event: "1 year", applied: "-10 minutes" });
    expect(await reportedAge()).toBeCloseTo(600, -1);
  });

  it("tells nothing before the first row, and says why", async () => {
    await owner.query("INSERT INTO standpipe.lane (lane) VALUES (0)");
    expect(await report()).toEqual([]);
    expect(warnings).toEqual(["nothing is stored yet: there are no newest rows"]);
  });

  it("fails where the database is away, in another schema, or not said", async () => {
    const nobody = `postgres://reader@127.0.0.1:${await freePort()}/standpipe`;
    await expect(report({ DATABASE_URL: nobody })).rejects.toThrow(/ECONNREFUSED/);
    await expect(report({ DATABASE_SCHEMA: "elsewhere" })).rejects.toThrow(
      /elsewhere.firehose_cursor.* does not exist/,
    );
    await expect(report({ DATABASE_URL: "" })).rejects.toThrow(/DATABASE_URL is not set/);
  });
});
