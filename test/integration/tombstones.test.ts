/** Tombstones by day: opened ahead, dropped when they are old, and opened late where nobody did. */
import { expect, it } from "vitest";
import { turnTombstones } from "../../lib/store/tombstones.ts";
import { Account, likeOf, packOf } from "../support/account.ts";
import { createTestConsumer, type TestConsumer } from "../support/test-consumer.ts";

const KEY = "3l3qo2vutsw2b";

async function days({ store }: TestConsumer): Promise<string[]> {
  const { rows } = await store.pool.query<{ name: string }>(
    "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'standpipe.tombstone'::regclass ORDER BY 1",
  );
  return rows.map(({ name }) => name);
}

it("opens today and the next two days, and drops what is older than it is told to keep", async () => {
  await using consumer = await createTestConsumer();
  const { pool } = consumer.store;
  expect(await days(consumer)).toHaveLength(3);
  for (const age of [3, 4, 5, 40]) {
    await pool.query(
      `DO $$ BEGIN EXECUTE format('CREATE TABLE standpipe.%I PARTITION OF standpipe.tombstone FOR VALUES FROM (%L) TO (%L)',
         'tombstone_' || to_char((now() AT TIME ZONE 'UTC')::date - ${age}, 'YYYYMMDD'),
         (now() AT TIME ZONE 'UTC')::date - ${age}, (now() AT TIME ZONE 'UTC')::date - ${age - 1}); END $$`,
    );
  }
  await turnTombstones(pool, { keepDays: 4 });
  expect(await days(consumer)).toHaveLength(5);
});

it("opens a day that nobody opened, and the batch that needed it is applied the next time", async () => {
  await using consumer = await createTestConsumer();
  for (const name of await days(consumer)) {
    await consumer.store.pool.query(`DROP TABLE ${name}`);
  }
  const account = new Account("sleeper");
  const pack = packOf(
    account.commit({ action: "create", rkey: KEY, record: likeOf(KEY) }),
    account.commit({ action: "delete", rkey: KEY }),
  );
  await expect(consumer.consume(pack)).rejects.toMatchObject({ kind: "transient", code: "23514" });
  await consumer.consume(pack);
  expect((await consumer.store.pool.query("SELECT 1 FROM standpipe.tombstone")).rowCount).toBe(1);
  expect((await consumer.store.pool.query("SELECT 1 FROM dead_letters")).rowCount).toBe(0);
});
