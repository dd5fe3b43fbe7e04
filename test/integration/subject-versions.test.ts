/** One URI with several CIDs: each a subject of its own, told apart by a number whatever the CIDs hash to. */
import { describe, expect, it } from "vitest";
import { cidText, digestOf } from "../../lib/core/cid.ts";
import { parseTid, tidText } from "../../lib/core/tid.ts";
import { checkCounters } from "../../lib/store/check-counters.ts";
import { Account, LIKE, likeOf, POST, packOf } from "../support/account.ts";
import { createTestConsumer, type TestConsumer } from "../support/test-consumer.ts";

const POST_KEY = "3l3qo2vuu2s2b";
const CIDS = [1, 2, 3].map((number) => cidText(digestOf(Uint8Array.of(number))));

/** A like of the post with this CID, under a key of its own. */
function like(cid: string, index: number) {
  const record = likeOf(POST_KEY) as { readonly subject: object };
  const key = `3l3qo2vutsw${index % 7 === 0 ? 2 : index}b`.padEnd(13, "2");
  return { action: "create", rkey: key, record: { ...record, subject: { ...record.subject, cid } } } as const;
}

/** All CIDs want the same place. */
async function makeAllCollide({ store }: TestConsumer): Promise<void> {
  await store.pool.query(
    "CREATE OR REPLACE FUNCTION standpipe.subject_version(cid_1 uuid, cid_2 uuid, collection int4, key text) RETURNS int4 LANGUAGE sql IMMUTABLE AS 'SELECT 7'",
  );
}

async function likedVersions({ store }: TestConsumer): Promise<unknown[]> {
  const { rows } = await store.pool.query<{ cid: string; likes: number }>(
    "SELECT subject_cid AS cid, count(*)::int4 AS likes FROM likes WHERE subject_uri LIKE $1 GROUP BY 1 ORDER BY 1",
    [`%/${POST}/${POST_KEY}`],
  );
  return rows;
}

describe.each([
  { title: "whose hashes differ", collide: false },
  { title: "whose hashes are the same", collide: true },
])("versions of a subject $title", ({ collide }) => {
  it("are found again, in one batch, over several, and by another process", async () => {
    await using consumer = await createTestConsumer();
    if (collide) await makeAllCollide(consumer);
    const [first = "", second = "", third = ""] = CIDS;
    const authors = ["anna", "bert", "carl"].map((name) => new Account(name));
    for (const [round, author] of authors.entries()) {
      const process = round === 2 ? consumer.reborn() : consumer;
      // The first batch brings two versions at once, the second one more between two known ones.
      const cids = round === 0 ? [first, second] : [second, third, first];
      await process.consume(packOf(author.commit(...cids.map((cid, index) => like(cid, index + 2)))));
      if (process !== consumer) await process[Symbol.asyncDispose]();
    }
    expect(await likedVersions(consumer)).toEqual(
      [
        { cid: first, likes: 3 },
        { cid: second, likes: 3 },
        { cid: third, likes: 2 },
      ].toSorted((a, b) => (a.cid < b.cid ? -1 : 1)),
    );
    const { rows } = await consumer.store.pool.query("SELECT version FROM standpipe.subject ORDER BY id");
    expect(rows).toHaveLength(3);
    if (collide) expect(rows).toEqual([{ version: 7 }, { version: 8 }, { version: 9 }]);
    expect(await checkCounters(consumer.store.pool)).toEqual([]);
  });

  it("that two transactions add at the same time become one each", async () => {
    await using consumer = await createTestConsumer();
    if (collide) await makeAllCollide(consumer);
    const authors = Array.from({ length: 12 }, (_, index) => new Account(`twin${String.fromCharCode(97 + index)}`));
    await Promise.all(
      authors.map((author, index) =>
        consumer.consume(packOf(author.commit(like(CIDS[index % 3] ?? "", 2), like(CIDS[(index + 1) % 3] ?? "", 3)))),
      ),
    );
    const { rows } = await consumer.store.pool.query("SELECT count(*)::int4 AS subjects FROM standpipe.subject");
    expect(rows).toEqual([{ subjects: 3 }]);
    expect(await likedVersions(consumer)).toEqual(CIDS.toSorted().map((cid) => ({ cid, likes: 8 })));
    expect(await checkCounters(consumer.store.pool)).toEqual([]);
  });
});

describe("subjects that somebody makes up to get in each other's way", () => {
  /** Three record keys with one hash under Postgres' hash function without a key: what is no TID is looked up by it. */
  const SAME_HASH = ["BAA0zNyJBHaMMMMMMMMMMMMM", "JHOF8A8QFY.ZOF20.YYsxuds", "ecCVsZ7qgWX:isVeT8cgaNEy"];
  const OWNER = "did:plc:q2qpjjxcdf5jirgofzb4gfcn";

  it.each([
    {
      title: "hundreds of collections under one key, with one CID",
      uris: Array.from({ length: 300 }, (_, index) => `at://${OWNER}/a.b.c${index}/${POST_KEY}`),
    },
    { title: "keys with one hash, with one CID", uris: SAME_HASH.map((rkey) => `at://${OWNER}/a.b.c/${rkey}`) },
  ])("have each a number, and leave none unused: $title", async ({ uris }) => {
    await using consumer = await createTestConsumer();
    const [cid = ""] = CIDS;
    const likeOfUri = (uri: string, index: number) => {
      const record = likeOf(POST_KEY) as { readonly subject: object };
      const rkey = tidText((parseTid("3l3qo2vutsw2b") ?? 0n) + BigInt(index * 1024));
      return { action: "create", rkey, record: { ...record, subject: { uri, cid } } } as const;
    };
    // The same from two accounts: the second finds what the first has made.
    for (const name of ["anna", "bert"]) {
      await consumer.consume(packOf(new Account(name).commit(...uris.map(likeOfUri))));
    }
    const { rows } = await consumer.store.pool.query<{ uri: string; likes: number }>(
      "SELECT subject_uri AS uri, count(*)::int4 AS likes FROM likes GROUP BY 1",
    );
    expect(new Map(rows.map(({ uri, likes }) => [uri, likes]))).toEqual(new Map(uris.map((uri) => [uri, 2])));
    const found = await consumer.store.pool.query(
      "SELECT count(*)::int4 AS subjects, max(id) AS last FROM standpipe.subject",
    );
    expect(found.rows).toEqual([{ subjects: uris.length, last: uris.length }]);
    expect(await checkCounters(consumer.store.pool)).toEqual([]);
  });
});

describe("a plain like", () => {
  it("keeps no CID of its own, and one with more fields does", async () => {
    await using consumer = await createTestConsumer();
    const author = new Account("anna");
    const plain = likeOf(POST_KEY);
    const more = { ...(plain as object), extra: true };
    await consumer.consume(
      packOf(
        author.commit(
          { action: "create", collection: LIKE, rkey: "3l3qo2vutsw2b", record: plain },
          { action: "create", collection: LIKE, rkey: "3l3qo2vutsw3b", record: more },
        ),
      ),
    );
    const { rows } = await consumer.store.pool.query(
      'SELECT cid IS NULL AS computed FROM standpipe."like" ORDER BY rkey',
    );
    expect(rows).toEqual([{ computed: true }, { computed: false }]);
  });
});
