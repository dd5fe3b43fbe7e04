/** Faults that somebody made up to hurt: their dead letters stay small, and never stand in the way. */
import { describe, expect, it } from "vitest";
import type { CommitEvent } from "../../lib/core/event.ts";
import { PackBuilder } from "../../lib/core/pack-builder.ts";
import { Account, LIKE, likeOf, packOf } from "../support/account.ts";
import { retryAll } from "../support/retry-all.ts";
import { createTestConsumer, type TestConsumer } from "../support/test-consumer.ts";

const KEY = "3l3qo2vutsw2b";

async function sizeOfLetters({ store }: TestConsumer): Promise<{ readonly letters: number; readonly bytes: number }> {
  const { rows } = await store.pool.query<{ letters: number; bytes: number }>(
    "SELECT count(*)::int4 AS letters, sum(coalesce(length(bytes), 0) + coalesce(length(envelope), 0))::int4 AS bytes FROM standpipe.dead_letter",
  );
  return rows[0] ?? { letters: 0, bytes: 0 };
}

describe("a dead letter", () => {
  it("is written whatever its path is, and its neighbours are applied", async () => {
    const path = Array.from({ length: 1_024 }, (_, index) =>
      String.fromCharCode(0x4e00 + ((index * 7_919) % 20_000)),
    ).join("");
    const fault = { reason: "bad-path", detail: "no path" } as const;
    const good = { action: "create", rkey: KEY, record: likeOf(KEY) } as const;
    const bad = { action: "create", collection: path, rkey: "", record: {}, fault } as const;
    await using consumer = await createTestConsumer();
    await consumer.consume(packOf(new Account("longpath").commit(good, bad, { ...bad, rkey: "\0" })));
    expect((await sizeOfLetters(consumer)).letters).toBe(2);
    expect((await consumer.store.pool.query("SELECT 1 FROM likes")).rowCount).toBe(1);
  });

  it("keeps the frame once for all ops of a commit", async () => {
    const fault = { reason: "missing-block", detail: "gone" } as const;
    const writes = Array.from({ length: 200 }, (_, index) => ({
      action: "create" as const,
      collection: LIKE,
      rkey: `key-${index}`,
      record: {},
      fault,
    }));
    const event: CommitEvent = { ...new Account("manyfaults").commit(...writes), rawFrame: new Uint8Array(500_000) };
    await using consumer = await createTestConsumer();
    await consumer.consume(packOf(event));
    const { letters, bytes } = await sizeOfLetters(consumer);
    expect(letters).toBe(200);
    expect(bytes).toBeGreaterThan(500_000);
    expect(bytes).toBeLessThan(700_000);
  });

  it("that the database refuses as well is kept as the bare event", async () => {
    await using consumer = await createTestConsumer();
    const { pool } = consumer.store;
    await pool.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.scope = 'op' THEN RAISE EXCEPTION 'no letters' USING ERRCODE = '22023'; END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON standpipe.dead_letter FOR EACH ROW EXECUTE FUNCTION refuse();`);
    const fault = { reason: "missing-block", detail: "gone" } as const;
    const account = new Account("refused");
    const bad = account.commit({ action: "create", rkey: KEY, record: {}, fault });
    const good = account.commit({ action: "create", rkey: "3l3qo2vutzz2b", record: likeOf(KEY) });
    await consumer.consume(packOf(bad, good));
    const { rows } = await pool.query(
      "SELECT scope, reason, length(envelope) > 0 AS has_envelope FROM dead_letters JOIN standpipe.dead_letter USING (id, scope, reason)",
    );
    expect(rows).toEqual([{ scope: "event", reason: "refused-by-database", has_envelope: true }]);
    expect((await pool.query("SELECT 1 FROM likes")).rowCount).toBe(1);
  });

  it("of an account's event does not override what another relay has said since", async () => {
    await using consumer = await createTestConsumer();
    const { pool } = consumer.store;
    const say = async (relay: string, seq: number, active: boolean): Promise<void> => {
      const pack = new PackBuilder();
      pack.append({ kind: "account", seq, did: "did:plc:late", timeMs: 0, receivedAtMs: 0, active, status: null });
      await consumer.consume(pack.seal({ lane: 1, lanes: 8, relay, epoch: 1, fence: seq, number: 1 }));
    };
    await pool.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '22023'; END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON standpipe.account FOR EACH ROW EXECUTE FUNCTION refuse();`);
    await say("one", 5, false);
    await pool.query("DROP FUNCTION refuse CASCADE");
    await say("two", 1, true);
    expect(await retryAll(consumer)).toEqual([{ state: "closed" }]);
    expect((await pool.query("SELECT active FROM users")).rows).toEqual([{ active: true }]);
    expect((await pool.query("SELECT state FROM dead_letters")).rows).toEqual([{ state: "superseded" }]);
  });
});

describe("a dictionary whose sequence is behind its rows", () => {
  it("stops the batch and says how to mend it, before a record goes to the wrong account", async () => {
    await using consumer = await createTestConsumer();
    const { pool } = consumer.store;
    const like = { action: "create", rkey: KEY, record: likeOf(KEY) } as const;
    const [a, b] = [new Account("first"), new Account("second")];
    await consumer.consume(packOf(a.commit(like)));
    await pool.query("ALTER SEQUENCE standpipe.actor_id_seq RESTART 1");
    const pack = packOf(b.commit(like));
    await expect(consumer.reborn().consume(pack)).rejects.toMatchObject({ kind: "transient", code: "55000" });
    await pool.query(
      "SELECT setval(pg_get_serial_sequence('standpipe.actor', 'id'), (SELECT max(id) FROM standpipe.actor))",
    );
    await consumer.consume(pack);
    const { rows } = await pool.query<{ did: string }>("SELECT did FROM likes ORDER BY did");
    expect(rows.map(({ did }) => did)).toEqual([a.did, b.did].toSorted());
  });
});

describe("marks", () => {
  const unit = (lane: number) => ({ relayId: 1, lane, firstSeq: 1, lastSeq: 9 });

  it("are taken back only for what failed: the others still count a death", async () => {
    await using consumer = await createTestConsumer();
    const { marks } = consumer.store;
    await marks.begin([unit(1), unit(2)], { single: false });
    await marks.release([unit(2)]);
    await using next = consumer.reborn();
    expect(await next.store.marks.begin([unit(1), unit(2)], { single: false })).toEqual([1, 0]);
  });
});
