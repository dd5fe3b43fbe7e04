/** Forms that our code and Postgres share: arrays on the wire, and the text of CIDs, TIDs and times. */
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cidText, digestOf } from "../../lib/core/cid.ts";
import { createdAtText, edgeCreated, packCreatedAt } from "../../lib/core/created-at.ts";
import type { CborMap, CborValue } from "../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../lib/core/dag-cbor-encode.ts";
import { tickOf } from "../../lib/core/tick.ts";
import { tidText } from "../../lib/core/tid.ts";
import {
  boolArray,
  byteaArray,
  int4Array,
  int8Array,
  jsonbArray,
  readArray,
  textArray,
} from "../../lib/store/arrays.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.connectionString });
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database.drop();
});

async function one(sql: string, ...values: unknown[]): Promise<unknown> {
  const { rows } = await client.query<{ value: unknown }>(`SELECT ${sql} AS value`, values);
  return rows[0]?.value;
}

describe("arrays", () => {
  it("arrive as they were sent, nulls and none at all included", async () => {
    for (const ints of [[], [0, -1, 2 ** 31 - 1, -(2 ** 31)], [null, 5, null]]) {
      expect(await one("$1::int4[]", int4Array(ints))).toEqual(ints);
    }
    expect(await one("$1::int8[]", int8Array([1n, null, -(2n ** 63n), 2n ** 63n - 1n]))).toEqual([
      "1",
      null,
      "-9223372036854775808",
      "9223372036854775807",
    ]);
    expect(await one("$1::bool[]", boolArray([true, false]))).toEqual([true, false]);
    expect(await one("$1::bytea[]", byteaArray([Buffer.from([0, 255]), null, Buffer.alloc(0)]))).toEqual([
      Buffer.from([0, 255]),
      null,
      Buffer.alloc(0),
    ]);
  });

  it("of any text and JSON arrive whole", async () => {
    const text = fc.string({ unit: "binary" }).map((each) => each.replaceAll("\0", "").toWellFormed());
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(text)), async (texts) => {
        expect(await one("$1::text[]", textArray(texts))).toEqual(texts);
        const json = texts.map((each) => JSON.stringify({ each }));
        expect(await one("$1::jsonb[]", jsonbArray(json))).toEqual(texts.map((each) => ({ each })));
      }),
    );
  });

  it("that come back as text are read without their quotes' rules", () => {
    expect(readArray("{1,NULL,-3}")).toEqual(["1", null, "-3"]);
    expect(readArray("{}")).toEqual([]);
    expect(readArray(null)).toEqual([]);
  });
});

describe("texts made by SQL", () => {
  it("of CIDs and TIDs are ours", async () => {
    const cases = fc.tuple(fc.uint8Array({ minLength: 0, maxLength: 8 }), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }));
    await fc.assert(
      fc.asyncProperty(cases, async ([bytes, tid]) => {
        const digest = digestOf(bytes);
        expect(await one("standpipe.cid_text($1)", Buffer.from(digest))).toBe(cidText(digest));
        expect(await one("standpipe.tid_text($1::int8)", tid.toString())).toBe(tidText(tid));
        expect(await one("standpipe.tid_value($1)", tidText(tid))).toBe(tid.toString());
      }),
    );
  });

  it("have no number for what is no TID", async () => {
    for (const text of [
      "",
      "self",
      "zzzzzzzzzzzzz",
      "jzzzzzzzzzzzz",
      "3l3qo2vutsw2",
      "3l3qo2vutsw2b2",
      "3l3qo2vutsw2B",
    ]) {
      expect(await one("standpipe.tid_value($1)", text)).toBeNull();
    }
  });

  it("of createdAt are the record's, for every form and year", async () => {
    const texts = [
      "2026-11-21T01:45:05.352Z",
      "0001-01-01T00:00:00Z",
      "9999-12-31T23:59:59.999999Z",
      "1969-12-31T23:59:59.000001+00:00",
      "2255-06-05T23:47:34.740992Z",
    ];
    for (const text of texts) {
      const created = packCreatedAt(text) ?? 0n;
      expect(createdAtText(created)).toBe(text);
      expect(await one("standpipe.created_text($1::int8)", created.toString())).toBe(text);
    }
  });

  it("of ticks are the time of writing, to a tenth of a second", async () => {
    const at = Date.UTC(2026, 10, 21, 1, 2, 3, 456);
    expect(await one("standpipe.indexed_at($1::int4)", tickOf(at))).toEqual(new Date(at - 56));
  });
});

describe("the CID of a record that columns say whole", () => {
  /** A key and a time of each form, as near to it as a row can say. */
  const moment = fc
    .tuple(
      fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
      fc.bigInt({ min: -(2n ** 27n) + 1_000n, max: 2n ** 27n - 1n }),
      fc.constantFrom(0n, 1n, 2n, 3n, 4n, 5n),
    )
    .map(([rkey, distance, code]) => {
      const keyMicros = rkey >> 10n;
      const micros = code % 3n === 2n ? keyMicros + distance : keyMicros - (keyMicros % 1000n) + distance * 1000n;
      return { rkey, created: (micros - fractionBeyond(micros, code)) * 16n + code };
    })
    .filter(({ created }) => created >> 4n < 2n ** 53n);
  /** One place of each length at which CBOR's length of a text, or of a URI with it in, takes another form. */
  const did = fc.oneof(
    fc
      .constantFrom(15, 16, 17, 190, 191, 192, 193, 194, 195, 220, 247, 248, 249, 2040)
      .map((length) => `did:web:${"a".repeat(length)}`),
    fc
      .string({ unit: fc.constantFrom(".", ":", "-", "_", "a", "z", "0", "9"), minLength: 1, maxLength: 300 })
      .map((rest) => `did:web:${rest}`),
  );
  const place = fc.record({
    did,
    collection: fc.constantFrom("app.bsky.feed.post", "a.b.c", `a.b.${"c".repeat(60)}`),
    rkey: fc.constantFrom("3laj5ik3ovs2m", "self", "~", "k".repeat(512)),
    cid: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  });
  type Place = typeof place extends fc.Arbitrary<infer Value> ? Value : never;

  it("is the hash of what our encoder writes, for likes and reposts", async () => {
    await fc.assert(
      fc.asyncProperty(place, fc.option(place), moment, async (subject, via, time) => {
        expect(await storedCids(["like", "repost"], { subject, via, ...time })).toEqual([
          wantedCid("app.bsky.feed.like", refOf(subject), via, time.created),
          wantedCid("app.bsky.feed.repost", refOf(subject), via, time.created),
        ]);
      }),
      { numRuns: 150 },
    );
  });

  it("is the hash of what our encoder writes, for follows and blocks", async () => {
    await fc.assert(
      fc.asyncProperty(place, fc.option(place), moment, async (subject, via, time) => {
        expect(await storedCids(["follow", "block"], { subject, via, ...time })).toEqual([
          wantedCid("app.bsky.graph.follow", subject.did, via, time.created),
          wantedCid("app.bsky.graph.block", subject.did, via, time.created),
        ]);
      }),
      { numRuns: 150 },
    );
  });

  /** What a form with so few digits cannot say. */
  function fractionBeyond(micros: bigint, code: bigint): bigint {
    const unit = [1000n, 1_000_000n, 1n][Number(code % 3n)] ?? 1n;
    return ((micros % unit) + unit) % unit;
  }

  function refOf({ did: author, collection, rkey, cid }: Place): CborMap {
    return new Map([
      ["uri", `at://${author}/${collection}/${rkey}`],
      ["cid", cidText(cid)],
    ]);
  }

  function wantedCid(type: string, subject: CborValue, via: Place | null, time: bigint): string {
    const record: CborMap = new Map<string, CborValue>([
      ["$type", type],
      ["createdAt", createdAtText(time)],
      ["subject", subject],
    ]);
    if (via !== null) record.set("via", refOf(via));
    return cidText(digestOf(encodeCbor(record)));
  }

  /** One row into each of the tables, and what the views say of it. */
  async function storedCids(
    tables: readonly string[],
    row: { readonly subject: Place; readonly via: Place | null; readonly rkey: bigint; readonly created: bigint },
  ): Promise<unknown[]> {
    await client.query("BEGIN");
    try {
      const [subject, via] = [await placeId(row.subject), row.via === null ? null : await placeId(row.via)];
      const found: unknown[] = [];
      for (const table of tables) {
        await client.query(
          `INSERT INTO standpipe."${table}" (rkey, rev, created, actor, subject, tick, via)
           VALUES ($1, 1, $2, $3, $4, 1, $5)`,
          [
            String(row.rkey),
            edgeCreated(row.created, row.rkey),
            subject.actor,
            table === "follow" || table === "block" ? subject.actor : subject.id,
            via?.id ?? null,
          ],
        );
        const { rows } = await client.query<{ cid: string }>(`SELECT cid FROM ${table}s`);
        found.push(...rows.map(({ cid }) => cid));
      }
      return found;
    } finally {
      await client.query("ROLLBACK");
    }
  }

  async function placeId({ did: author, collection, rkey, cid }: Place): Promise<{ id: number; actor: number }> {
    const { rows } = await client.query<{ id: number; actor: number }>(
      `SELECT r.subjects[1] AS id, r.actors[1] AS actor
       FROM standpipe.resolve(ARRAY[$1::text], ARRAY[$2::text], '{-1}', '{-1}', ARRAY[standpipe.tid_value($3)],
         ARRAY[CASE WHEN standpipe.tid_value($3) IS NULL THEN $3 END], ARRAY[$4::uuid], ARRAY[$5::uuid]) AS r`,
      [
        author,
        collection,
        rkey,
        Buffer.from(cid.subarray(0, 16)).toString("hex"),
        Buffer.from(cid.subarray(16)).toString("hex"),
      ],
    );
    const [made] = rows;
    if (made === undefined) throw new Error("no subject made");
    return made;
  }
});
