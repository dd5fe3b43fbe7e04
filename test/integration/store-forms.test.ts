/** Forms that our code and Postgres share: arrays on the wire, and the text of CIDs, TIDs and times. */
import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cidText, digestOf } from "../../lib/core/cid.ts";
import { createdAtText, packCreatedAt } from "../../lib/core/created-at.ts";
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
