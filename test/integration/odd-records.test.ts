/** Records that change between a table of their own and the misfits, and what inactive accounts show. */
import { describe, expect, it } from "vitest";
import { cidText, digestOf } from "../../lib/core/cid.ts";
import { encodeCbor } from "../../lib/core/dag-cbor-encode.ts";
import { fromDagJson } from "../../lib/core/dag-json.ts";
import type { FirehoseEvent } from "../../lib/core/event.ts";
import { laneOf } from "../../lib/core/lane.ts";
import { PackBuilder } from "../../lib/core/pack-builder.ts";
import { tidText } from "../../lib/core/tid.ts";
import { checkCounters } from "../../lib/store/check-counters.ts";
import { exactRecords } from "../../lib/store/exact-records.ts";
import { Account, LIKE, likeOf, POST, packOf } from "../support/account.ts";
import { LANES } from "../support/recorded-packs.ts";
import { createTestConsumer, type TestConsumer } from "../support/test-consumer.ts";

const KEY = "3l3qo2vutsw2b";
const POST_KEY = "3l3qo2vuu2s2b";

async function count({ store }: TestConsumer, table: string): Promise<number> {
  const { rows } = await store.pool.query<{ n: number }>(`SELECT count(*)::int4 AS n FROM ${table}`);
  return rows[0]?.n ?? 0;
}

/** The account's one record: its bytes, its CID, its JSON and its rev. */
async function expectRecord({ store }: TestConsumer, account: Account, record: unknown): Promise<void> {
  const bytes = encodeCbor(fromDagJson(record));
  const [exact] = await exactRecords(store.pool, { did: account.did, schema: "public" });
  expect(Buffer.from(exact?.cbor ?? [])).toEqual(Buffer.from(bytes));
  const { rows } = await store.pool.query<{ cid: string; rev: string; value: unknown }>(
    "SELECT cid, rev, value FROM all_records",
  );
  const value: unknown = JSON.parse(JSON.stringify(record).replaceAll("\\u0000", "\uFFFD"));
  expect(rows).toEqual([{ cid: cidText(digestOf(bytes)), rev: tidText(account.rev), value }]);
}

describe("a record that changes its form", () => {
  const forms: Record<string, unknown> = {
    plain: likeOf(POST_KEY),
    "with more fields": { ...(likeOf(POST_KEY) as object), extra: true },
    "of another year than its key": { ...(likeOf(POST_KEY) as object), createdAt: "1999-12-31T23:59:59.999Z" },
    "without a subject": { $type: LIKE, createdAt: "2026-11-21T01:45:05.352Z" },
    "with NUL": { ...(likeOf(POST_KEY) as object), extra: "a\0b" },
  };
  const pairs = Object.keys(forms).flatMap((from) => Object.keys(forms).map((to) => ({ from, to })));

  it.each(pairs)("from $from to $to is one record all the way, and none after its delete", async ({ from, to }) => {
    await using consumer = await createTestConsumer();
    const account = new Account("forms");
    const { pool } = consumer.store;
    for (const [action, form] of [
      ["create", from],
      ["update", to],
      // A create of what is there already: its delete was never seen.
      ["create", from],
    ] as const) {
      await consumer.consume(packOf(account.commit({ action, rkey: KEY, record: forms[form] })));
      expect(await count(consumer, "all_records")).toBe(1);
      await expectRecord(consumer, account, forms[form]);
      expect(await checkCounters(pool)).toEqual([]);
    }
    await consumer.consume(packOf(account.commit({ action: "delete", rkey: KEY })));
    for (const table of ["all_records", "standpipe.original", "standpipe.misfit", "post_counts"]) {
      expect(await count(consumer, table)).toBe(0);
    }
    expect(await checkCounters(pool)).toEqual([]);
  });

  it.each([
    [
      POST,
      { $type: POST, text: "one", createdAt: "2026-11-21T01:45:05Z" },
      { $type: POST, text: "two", createdAt: "2026-11-21T01:45:05Z" },
    ],
    ["com.example.thing", { n: 1 }, { n: 2 }],
    [
      "app.bsky.feed.generator",
      { $type: "app.bsky.feed.generator", did: "did:web:a.test", displayName: "a", createdAt: "x" },
      { n: 2 },
    ],
  ])("of %s is replaced by a create whose delete was never seen", async (collection, first, second) => {
    await using consumer = await createTestConsumer();
    const account = new Account("unseen");
    for (const record of [first, second, first]) {
      await consumer.consume(packOf(account.commit({ action: "create", collection, rkey: KEY, record })));
      await expectRecord(consumer, account, record);
      expect(await checkCounters(consumer.store.pool)).toEqual([]);
    }
  });

  it.each(["1999-12-31T23:59:59.999Z", "2024-09-11T19:46:02+02:00", "2024-09-12T00:00:00.000001Z", "yesterday"])(
    "shows the time of a like that its row cannot say: %s",
    async (createdAt) => {
      await using consumer = await createTestConsumer();
      const account = new Account("times");
      const record = { ...(likeOf(POST_KEY) as object), createdAt };
      await consumer.consume(packOf(account.commit({ action: "create", rkey: KEY, record })));
      const { rows } = await consumer.store.pool.query<{ created_at: Date | null }>("SELECT created_at FROM likes");
      expect(rows[0]?.created_at?.getTime() ?? Number.NaN).toBe(Math.floor(Date.parse(createdAt)));
      await expectRecord(consumer, account, record);
    },
  );

  it("keeps a misfit's bytes and says what the problem is", async () => {
    await using consumer = await createTestConsumer();
    const account = new Account("misfit");
    await consumer.consume(
      packOf(
        account.commit(
          { action: "create", rkey: "abc", record: likeOf(POST_KEY) },
          { action: "create", rkey: KEY, record: likeOf(POST_KEY) },
          {
            action: "create",
            collection: POST,
            rkey: KEY,
            record: { $type: POST, text: "x\0y", createdAt: "0000-01-01T00:00:00Z" },
          },
          {
            action: "create",
            collection: POST,
            rkey: POST_KEY,
            record: { $type: POST, text: "z".repeat(900_000), createdAt: "9999-01-01T00:00:00Z" },
          },
        ),
      ),
    );
    const { rows } = await consumer.store.pool.query(
      "SELECT rkey, problem, length(cbor) > 0 AS has_bytes FROM generic_records",
    );
    expect(rows).toEqual([{ rkey: "abc", problem: "rkey is no TID", has_bytes: true }]);
    const posts = await consumer.store.pool.query<{ text: string }>("SELECT text FROM posts ORDER BY length(text)");
    expect(posts.rows.map(({ text }) => text.slice(0, 3))).toEqual(["x\uFFFDy", "zzz"]);
    expect(await count(consumer, "likes")).toBe(1);
  });
});

describe("an account", () => {
  const did = "did:plc:account";
  let seq = 0;

  async function tell(
    consumer: TestConsumer,
    relay: string,
    ...events: readonly Partial<FirehoseEvent>[]
  ): Promise<void> {
    const builder = new PackBuilder();
    for (const event of events) {
      seq += 1;
      builder.append({ seq, did, timeMs: 0, receivedAtMs: 0, ...event } as FirehoseEvent);
    }
    await consumer.consume(
      builder.seal({ lane: laneOf(did, LANES), lanes: LANES, relay, epoch: 1, fence: 1, number: seq }),
    );
  }

  async function user({ store }: TestConsumer): Promise<unknown> {
    return (await store.pool.query("SELECT handle, active, status FROM users WHERE did = $1", [did])).rows[0];
  }

  it("follows its events by their seq, relay by relay", async () => {
    await using consumer = await createTestConsumer();
    await tell(
      consumer,
      "one",
      { kind: "identity", handle: "a.test" },
      { kind: "account", active: false, status: "takendown" },
    );
    expect(await user(consumer)).toEqual({ handle: "a.test", active: false, status: "takendown" });
    await tell(
      consumer,
      "one",
      { kind: "identity", handle: null },
      { kind: "account", active: true, status: null, seq: 1 },
    );
    expect(await user(consumer)).toEqual({ handle: "a.test", active: false, status: "takendown" });
    await tell(consumer, "two", { kind: "account", active: true, status: "throttled", seq: 1 });
    expect(await user(consumer)).toEqual({ handle: "a.test", active: true, status: "throttled" });
    await tell(
      consumer,
      "two",
      { kind: "identity", handle: "b.test", seq: 9 },
      { kind: "identity", handle: "c.test", seq: 8 },
    );
    expect(await user(consumer)).toMatchObject({ handle: "b.test" });
  });

  it("that is inactive hides its records, not its counts, and shows them again", async () => {
    await using consumer = await createTestConsumer();
    const account = new Account("hides");
    await consumer.consume(packOf(account.commit({ action: "create", rkey: KEY, record: likeOf(POST_KEY) })));
    const set = (active: boolean) => tell(consumer, "one", { kind: "account", did: account.did, active, status: null });
    await set(false);
    expect([
      await count(consumer, "likes"),
      await count(consumer, "records"),
      await count(consumer, "all_records"),
    ]).toEqual([0, 0, 1]);
    expect(await count(consumer, "post_counts WHERE likes = 1")).toBe(1);
    await set(true);
    expect([await count(consumer, "likes"), await count(consumer, "records")]).toEqual([1, 1]);
  });
});
