/** A stop while somebody holds a lock on a table: the process ends in time, and nothing is counted as its death. */
import pg from "pg";
import { expect, it } from "vitest";
import { createTestDatabase } from "../support/database.ts";
import { startRelay, startUnified } from "../support/unified-process.ts";

it("drains as far as it can and exits 0 within ten seconds", async () => {
  await using database = await createTestDatabase();
  const client = new pg.Client({ connectionString: database.connectionString });
  await client.connect();
  try {
    await client.query(`BEGIN; LOCK TABLE standpipe."like" IN SHARE MODE`);
    await using relay = await startRelay();
    await using unified = startUnified({ relay, env: { DATABASE_URL: database.connectionString } });
    await unified.untilAnswer(
      async () =>
        (await client.query("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'standpipe.like'::regclass"))
          .rowCount ?? 0,
      (waiting) => waiting > 0,
    );
    const asked = Date.now();
    void unified.kill("SIGTERM");
    expect((await unified.ending()).code).toBe(0);
    expect(Date.now() - asked).toBeLessThan(10_000);
    await client.query("ROLLBACK");
    const { rows } = await client.query("SELECT DISTINCT owner, deaths FROM standpipe.mark");
    expect(rows).toEqual([{ owner: "00000000-0000-0000-0000-000000000000", deaths: 0 }]);
  } finally {
    await client.end();
  }
});
