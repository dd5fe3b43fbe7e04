import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CidLink } from "../../../lib/core/cid.ts";
import { CborFloat, type CborValue, decodeCbor } from "../../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../../lib/core/dag-cbor-encode.ts";
import { toDagJson } from "../../../lib/core/dag-json.ts";
import { anyValue } from "../../support/arbitrary-cbor.ts";
import { describeWithSharedData, readSharedJson } from "../../support/shared-data.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const link = (cid: string) => `d82a 58${((cid.length >> 1) + 1).toString(16)} 00 ${cid}`;
const digest = "ab".repeat(32);

it("decodes no more values than a record may have, however little each weighs", () => {
  // An array of two arrays of 131,072 empty maps each.
  const maps = Buffer.concat([Buffer.from("9a00020000", "hex"), Buffer.alloc(131_072, 0xa0)]);
  expect(decodeCbor(Buffer.concat([Buffer.from("82", "hex"), maps, maps]))).toMatchObject({
    ok: false,
    reason: "more than 262144 values",
  });
  expect(decodeCbor(maps).ok).toBe(true);
});

describe("decodeCbor takes", () => {
  it.each<[string, string, CborValue]>([
    ["0", "00", 0],
    ["23", "17", 23],
    ["24", "1818", 24],
    ["-1", "20", -1],
    ["-500", "3901f3", -500],
    ["the largest safe integer", "1b001fffffffffffff", Number.MAX_SAFE_INTEGER],
    ["the smallest safe integer", "3b001ffffffffffffe", Number.MIN_SAFE_INTEGER],
    ["an integer beyond, as bigint", "1b0020000000000000", 2n ** 53n],
    ["one beyond on the other side", "3b001fffffffffffff", -(2n ** 53n)],
    ["the largest of 64 bits", "1bffffffffffffffff", 2n ** 64n - 1n],
    ["the smallest of 64 bits", "3bffffffffffffffff", -(2n ** 64n)],
    ["false", "f4", false],
    ["true", "f5", true],
    ["null", "f6", null],
    ["a text", "6161", "a"],
    ["an empty text", "60", ""],
    ["a text with a byte order mark", "63efbbbf", "\uFEFF"],
    ["a text with U+FFFD itself", "63efbfbd", "\uFFFD"],
    ["bytes", "43010203", Uint8Array.of(1, 2, 3)],
    ["an empty array", "80", []],
    ["an empty map", "a0", new Map()],
    [
      "keys by length, then byte by byte",
      "a3 6162 01 6163 02 626161 03",
      new Map([
        ["b", 1],
        ["c", 2],
        ["aa", 3],
      ]),
    ],
    ["a float, as a value of its own", "fb3ff0000000000000", new CborFloat(1)],
    ["a link", link(`01711220${digest}`), new CidLink(hex(`01711220${digest}`))],
    ["a link to a blob", link(`01551220${digest}`), new CidLink(hex(`01551220${digest}`))],
  ])("%s", (_what, bytes, value) => {
    expect(decodeCbor(hex(bytes))).toEqual({ ok: true, value });
  });

  it("keys that are special to JavaScript, as plain keys", () => {
    const bytes = hex("a2 695f5f70726f746f5f5f a1 6161 01 6b636f6e7374727563746f72 02");
    const result = decodeCbor(bytes);
    expect(result).toEqual({
      ok: true,
      value: new Map<string, CborValue>([
        ["__proto__", new Map([["a", 1]])],
        ["constructor", 2],
      ]),
    });
    expect(({} as Record<string, unknown>)["a"]).toBeUndefined();
  });

  it("containers within containers up to 32", () => {
    expect(decodeCbor(hex(`${"81".repeat(31)}80`)).ok).toBe(true);
    expect(decodeCbor(hex(`${"81".repeat(32)}80`))).toEqual({ ok: false, reason: "nested deeper than 32", offset: 33 });
  });

  it("the longest key there may be", () => {
    const key = "6b".repeat(8192);
    expect(decodeCbor(hex(`a1 792000 ${key} 00`)).ok).toBe(true);
    expect(decodeCbor(hex(`a1 792001 ${key}6b 00`)).ok).toBe(false);
  });

  it("the largest container there may be", () => {
    const items = "00".repeat(131_072);
    expect(decodeCbor(hex(`9a00020000${items}`)).ok).toBe(true);
    expect(decodeCbor(hex(`9a00020001${items}00`)).ok).toBe(false);
  });
});

describe("decodeCbor refuses", () => {
  it.each([
    ["nothing", "", "bytes end within an item", 0],
    ["a second item", "0000", "bytes after the end", 1],
    ["a number in a longer form", "1817", "number is not in its shortest form", 0],
    ["the same in two bytes", "1900ff", "number is not in its shortest form", 0],
    ["in four", "1a0000ffff", "number is not in its shortest form", 0],
    ["in eight", "1b00000000ffffffff", "number is not in its shortest form", 0],
    ["a length in a longer form", "780161", "number is not in its shortest form", 0],
    ["an indefinite array", "9f00ff", "indefinite length", 0],
    ["an indefinite map", "bfff", "indefinite length", 0],
    ["an indefinite text", "7f6161ff", "indefinite length", 0],
    ["indefinite bytes", "5f4101ff", "indefinite length", 0],
    ["a reserved head", "1c", "reserved head", 0],
    ["a break", "ff", "simple value is not allowed", 0],
    ["undefined", "f7", "simple value is not allowed", 0],
    ["another simple value", "f0", "simple value is not allowed", 0],
    ["a simple value of two bytes", "f8ff", "simple value is not allowed", 0],
    ["a float of 16 bits", "f93c00", "float is not of 64 bits", 0],
    ["a float of 32 bits", "fa3f800000", "float is not of 64 bits", 0],
    ["NaN", "fb7ff8000000000000", "float is NaN or infinite", 0],
    ["infinity", "fb7ff0000000000000", "float is NaN or infinite", 0],
    ["minus infinity", "fbfff0000000000000", "float is NaN or infinite", 0],
    ["half a float", "fb3ff00000", "bytes end within an item", 0],
    ["a key twice", "a2 6161 00 6161 01", "key occurs twice", 4],
    ["keys out of order", "a2 6162 00 6161 01", "keys are not sorted", 4],
    ["a long key before a short one", "a2 626161 00 6162 01", "keys are not sorted", 5],
    ["a key that is a number", "a1 00 00", "key is not a text", 1],
    ["a key that is bytes", "a1 4161 00", "key is not a text", 1],
    ["a key of wrong UTF-8", "a1 61ff 00", "text is not valid UTF-8", 2],
    ["wrong UTF-8", "61ff", "text is not valid UTF-8", 1],
    ["an overlong form", "62c080", "text is not valid UTF-8", 1],
    ["a surrogate", "63eda080", "text is not valid UTF-8", 1],
    ["a character cut short", "62e282", "text is not valid UTF-8", 1],
    ["a character beyond Unicode", "64f4908080", "text is not valid UTF-8", 1],
    ["another tag", "c000", "tag is not 42", 0],
    ["a date", "c11a514b67b0", "tag is not 42", 0],
    ["a link of a text", "d82a6161", "link is not a byte string", 2],
    ["a link of nothing", "d82a40", "link holds no CID", 3],
    ["a link without the zero byte", `d82a582401711220${digest}`, "link holds no CID", 4],
    ["a link with a byte more", link(`01711220${digest}00`), "link holds no CID", 4],
    ["a link with a byte less", link(`01711220${digest.slice(2)}`), "link holds no CID", 4],
    ["a link to version 0", link(`1220${digest}`), "link holds no CID", 4],
    ["a tag and then nothing", "d82a", "link is not a byte string", 2],
    ["a text longer than the bytes", "6261", "length is longer than the bytes", 1],
    ["a count that no memory holds", "9bffffffffffffffff", "length is longer than the bytes", 0],
    ["a text of 2^53", "7b0020000000000000", "length is longer than the bytes", 0],
    ["a count larger than the bytes", "9a0001ffff", "count is larger than the bytes", 5],
    ["a map whose keys have no room", "a20000", "count is larger than the bytes", 1],
    ["too many items", "9a00ffffff", "container has more than 131072 items", 5],
  ])("%s", (_what, bytes, reason, offset) => {
    expect(decodeCbor(hex(bytes))).toEqual({ ok: false, reason, offset });
  });

  it("a long text with one wrong byte in it", () => {
    const bytes = Buffer.concat([hex("7903e8"), Buffer.alloc(1000, "a")]);
    expect(decodeCbor(bytes).ok).toBe(true);
    bytes[777] = 0xff;
    expect(decodeCbor(bytes)).toEqual({ ok: false, reason: "text is not valid UTF-8", offset: 3 });
  });

  it("every prefix of a valid item", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const bytes = encodeCbor(value);
        const step = Math.max(1, bytes.length >> 6);
        for (let length = 0; length < bytes.length; length += step) {
          expect(decodeCbor(bytes.subarray(0, length)).ok).toBe(false);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("nested arrays without end, in no time", () => {
    const startedMs = performance.now();
    expect(decodeCbor(Buffer.alloc(5_000_000, 0x81)).ok).toBe(false);
    expect(performance.now() - startedMs).toBeLessThan(2000);
  });
});

describe("decodeCbor", () => {
  it("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const result = decodeCbor(bytes);
        // What it takes is canonical: the encoder gives the very bytes back.
        expect(result.ok ? encodeCbor(result.value) : bytes).toEqual(bytes);
      }),
      { numRuns: 5000 },
    );
  });

  it("hands out views that stay within their bytes", () => {
    const bytes = hex("ff43010203ff").subarray(1, 5);
    const result = decodeCbor(bytes);
    expect(result).toEqual({ ok: true, value: Uint8Array.of(1, 2, 3) });
  });
});

interface Fixture {
  readonly json: unknown;
  readonly cbor_base64: string;
  readonly cid: string;
}

describeWithSharedData("dag-cbor, interop fixtures", () => {
  const fixtures = readSharedJson("interop-tests/data-model/data-model-fixtures.json") as Fixture[];

  it.each(fixtures)("decode to their JSON ($cid)", ({ json, cbor_base64 }) => {
    const result = decodeCbor(Buffer.from(cbor_base64, "base64"));
    expect(result.ok && JSON.parse(toDagJson(result.value).json)).toEqual(json);
  });
});
