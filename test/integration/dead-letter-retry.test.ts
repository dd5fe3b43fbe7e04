/** An op that was set aside and is retried later: whatever the repo did meanwhile, the end is that of an undisturbed run. */
import { describe, expect, it } from "vitest";
import type { CommitEvent } from "../../lib/core/event.ts";
import { Account, likeOf, packOf, type Write } from "../support/account.ts";
import { retryAll } from "../support/retry-all.ts";
import { createTestConsumer, type TestConsumer } from "../support/test-consumer.ts";
import { visibleState } from "../support/visible-state.ts";

const KEY = "3l3qo2vutsw2b";
const OTHER = "3l3qo2vuttz2c";
const FIRST_POST = "3l3qo2vuu2s2b";
const SECOND_POST = "3l3qo2vuu3s2b";
const THIRD_POST = "3l3qo2vuu4s2b";

const setAside: Record<string, readonly Write[]> = {
  create: [{ action: "create", rkey: KEY, record: likeOf(FIRST_POST) }],
  update: [
    { action: "create", rkey: KEY, record: likeOf(FIRST_POST) },
    { action: "update", rkey: KEY, record: likeOf(SECOND_POST) },
  ],
  delete: [
    { action: "create", rkey: KEY, record: likeOf(FIRST_POST) },
    { action: "delete", rkey: KEY },
  ],
};

const goesOn: Record<string, Write> = {
  "another record": { action: "create", rkey: OTHER, record: likeOf(FIRST_POST) },
  "the same record updated": { action: "update", rkey: KEY, record: likeOf(THIRD_POST) },
  "the same record deleted": { action: "delete", rkey: KEY },
};

const cases = Object.keys(setAside).flatMap((op) => Object.keys(goesOn).map((next) => ({ op, next })));

/** The history, with a sibling op beside the one that is set aside. */
function history({ op, next }: { op: string; next: string }): {
  before: CommitEvent[];
  aside: CommitEvent;
  after: CommitEvent[];
} {
  const account = new Account(`retry${op}${next.length}`);
  const writes = setAside[op] ?? [];
  const before = writes.slice(0, -1).map((write) => account.commit(write));
  const sibling: Write = { action: "create", rkey: "3l3qo2vuuaa2b", record: likeOf(FIRST_POST) };
  const aside = account.commit(...writes.slice(-1), sibling);
  const last = goesOn[next];
  return { before, aside, after: last === undefined ? [] : [account.commit(last)] };
}

/** Lets the database refuse every change of the record's row, as a value that it cannot take would. */
async function refuse({ store }: TestConsumer, what: "INSERT" | "DELETE"): Promise<() => Promise<void>> {
  const row = what === "INSERT" ? "NEW" : "OLD";
  await store.pool.query(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF ${row}.rkey = standpipe.tid_value('${KEY}') THEN RAISE EXCEPTION 'refused for the test' USING ERRCODE = '22023'; END IF;
      RETURN ${row};
    END $$;
    CREATE TRIGGER refuse BEFORE ${what} ON standpipe."like" FOR EACH ROW EXECUTE FUNCTION refuse();`);
  return async () => {
    await store.pool.query(`DROP FUNCTION refuse CASCADE`);
  };
}

async function undisturbed(events: readonly CommitEvent[]): Promise<unknown> {
  await using consumer = await createTestConsumer();
  for (const event of events) {
    await consumer.consume(packOf(event));
  }
  return await visibleState(consumer.store.pool);
}

describe.each(cases)("a $op set aside, then $next", ({ op, next }) => {
  it("ends as an undisturbed run once it is retried", async () => {
    const { before, aside, after } = history({ op, next });
    await using consumer = await createTestConsumer();
    for (const event of before) {
      await consumer.consume(packOf(event));
    }
    const allow = await refuse(consumer, op === "create" ? "INSERT" : "DELETE");
    await consumer.consume(packOf(aside));
    const letters = await consumer.store.pool.query("SELECT reason, state FROM dead_letters");
    expect(letters.rows).toEqual([{ reason: "refused-by-database", state: "open" }]);
    await allow();
    for (const event of after) {
      await consumer.consume(packOf(event));
    }
    const answers = await retryAll(consumer);
    expect(answers.every(({ state }) => state === "closed")).toBe(true);
    expect(await visibleState(consumer.store.pool)).toEqual(await undisturbed([...before, aside, ...after]));
    const closed = await consumer.store.pool.query<{ state: string }>("SELECT state FROM dead_letters");
    expect(closed.rows).toEqual([{ state: next === "another record" ? "applied" : "superseded" }]);
  });
});

describe("a dead letter", () => {
  it("leaves its siblings, its repo and its batch alone", async () => {
    const { before, aside, after } = history({ op: "create", next: "another record" });
    const neighbour = new Account("neighbour").commit({ action: "create", rkey: OTHER, record: likeOf(SECOND_POST) });
    await using consumer = await createTestConsumer();
    await refuse(consumer, "INSERT");
    await consumer.consume(packOf(...before, aside, ...after), packOf(neighbour));
    const { rows } = await consumer.store.pool.query<{ rkey: string }>("SELECT rkey FROM likes ORDER BY rkey");
    expect(rows.map(({ rkey }) => rkey)).toEqual(["3l3qo2vuttz2c", "3l3qo2vuttz2c", "3l3qo2vuuaa2b"]);
    const repos = await consumer.store.pool.query<{ broken: number }>("SELECT broken FROM standpipe.repo");
    expect(repos.rows).toEqual([{ broken: 0 }, { broken: 0 }]);
  });

  it("of an op without its block stays, and says so when it is retried", async () => {
    const fault = { reason: "missing-block", detail: "the block is not in the slice" } as const;
    const event = new Account("noblock").commit({ action: "create", rkey: KEY, record: likeOf(FIRST_POST), fault });
    await using consumer = await createTestConsumer();
    await consumer.consume(packOf(event));
    await consumer.consume(packOf(event));
    expect(await retryAll(consumer)).toEqual([{ state: "still failing", reason: "the block is not in the slice" }]);
    const { rows } = await consumer.store.pool.query("SELECT reason, state FROM dead_letters");
    expect(rows).toEqual([{ reason: "missing-block", state: "open" }]);
  });

  it("is closed by a newer op on its path", async () => {
    const account = new Account("newer");
    const fault = { reason: "hash-mismatch", detail: "other bytes" } as const;
    await using consumer = await createTestConsumer();
    const bad = account.commit({ action: "create", rkey: KEY, record: likeOf(FIRST_POST), fault });
    const good = account.commit({ action: "update", rkey: KEY, record: likeOf(SECOND_POST) });
    await consumer.consume(packOf(bad, good));
    const { rows } = await consumer.store.pool.query("SELECT state FROM dead_letters");
    expect(rows).toEqual([{ state: "superseded" }]);
  });

  it.each(["the same record updated", "the same record deleted"])(
    "retried all the same after %s changes nothing",
    async (next) => {
      const { before, aside, after } = history({ op: "update", next });
      await using consumer = await createTestConsumer();
      await consumer.consume(...before.map((event) => packOf(event)));
      const allow = await refuse(consumer, "DELETE");
      await consumer.consume(packOf(aside));
      await allow();
      await consumer.consume(...after.map((event) => packOf(event)));
      const state = await visibleState(consumer.store.pool);
      await consumer.store.pool.query("UPDATE standpipe.dead_letter SET state = 'open'");
      expect(await retryAll(consumer)).toEqual([{ state: "closed" }]);
      expect(await visibleState(consumer.store.pool)).toEqual(state);
      const { rows } = await consumer.store.pool.query("SELECT state FROM dead_letters");
      expect(rows).toEqual([{ state: "superseded" }]);
    },
  );

  it("that is older than the tombstones is refused, with the reason, unless forced", async () => {
    const { aside } = history({ op: "create", next: "another record" });
    await using consumer = await createTestConsumer();
    const allow = await refuse(consumer, "INSERT");
    await consumer.consume(packOf(aside));
    await allow();
    const later = Date.now() + 5 * 86_400_000;
    const [refused] = await retryAll(consumer, { nowMs: later });
    expect(refused).toMatchObject({ state: "refused", reason: expect.stringContaining("TOMBSTONE_DAYS") });
    expect(await retryAll(consumer, { nowMs: later, isForced: true })).toEqual([{ state: "closed" }]);
  });
});
