import { decode, encode } from "@atcute/cbor";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CidLink, cidText, digestOf } from "../../../lib/core/cid.ts";
import { CborFloat, type CborValue, decodeCbor } from "../../../lib/core/dag-cbor.ts";
import { canonicalKeys, encodeCbor } from "../../../lib/core/dag-cbor-encode.ts";
import { fromDagJson, toDagJson } from "../../../lib/core/dag-json.ts";
import { NotEncodableError } from "../../../lib/core/errors.ts";
import { anyValue, commonValue } from "../../support/arbitrary-cbor.ts";
import { describeWithSharedData, readSharedJson } from "../../support/shared-data.ts";

describe("encodeCbor", () => {
  it("writes what decodeCbor reads, all of DAG-CBOR", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(decodeCbor(encodeCbor(value))).toEqual({ ok: true, value });
      }),
      { numRuns: 500 },
    );
  });

  it("gives one form to a map, in whatever order it was built", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ unit: "binary" }), fc.integer()), { maxLength: 40 }), (entries) => {
        const map = new Map(entries);
        expect(encodeCbor(new Map([...map].reverse()))).toEqual(encodeCbor(map));
      }),
    );
  });

  it("agrees with an independent implementation", () => {
    fc.assert(
      fc.property(commonValue, (value) => {
        const ours = encodeCbor(value);
        expect(Uint8Array.from(encode(decode(ours)))).toEqual(ours);
        expect(JSON.parse(JSON.stringify(decode(ours)))).toEqual(JSON.parse(toDagJson(value).json));
      }),
      { numRuns: 500 },
    );
  });

  it("sorts keys as UTF-8, where UTF-16 would sort otherwise", () => {
    const keys = ["\u{10000}", "\uE000a", "b", "aa", ""];
    expect(canonicalKeys(new Map(keys.map((key) => [key, 0])))).toEqual(["", "b", "aa", "\uE000a", "\u{10000}"]);
  });

  it("takes values larger than its first buffer, and others after them", () => {
    const large = new Map<string, CborValue>([
      ["text", "ü".repeat(200_000)],
      ["bytes", new Uint8Array(100_000).fill(7)],
    ]);
    expect(decodeCbor(encodeCbor(large))).toEqual({ ok: true, value: large });
    expect(encodeCbor([1, "a"])).toEqual(Uint8Array.of(0x82, 1, 0x61, 0x61));
  });

  it("hands out bytes that a later call does not change", () => {
    const first = encodeCbor("first");
    encodeCbor("other");
    expect(decodeCbor(first)).toEqual({ ok: true, value: "first" });
  });

  it.each<[string, CborValue]>([
    ["a fraction", 0.5],
    ["an unsafe integer as number", 2 ** 53],
    ["NaN", Number.NaN],
    ["NaN as float", new CborFloat(Number.NaN)],
    ["65 bits", 2n ** 64n],
    ["65 bits below zero", -(2n ** 64n) - 1n],
    ["a lone surrogate", "a\uD800"],
    ["a lone surrogate as key", new Map([["\uDC00", 1]])],
    ["undefined", undefined as unknown as CborValue],
  ])("throws for %s, and works on afterwards", (_what, value) => {
    expect(() => encodeCbor([1, value])).toThrow(NotEncodableError);
    expect(encodeCbor([1])).toEqual(Uint8Array.of(0x81, 1));
  });

  it("writes −0 as 0", () => {
    expect(encodeCbor(-0)).toEqual(Uint8Array.of(0));
  });

  it("writes links as they are", () => {
    const bytes = Uint8Array.of(1, 0x55, 0, 1, 9);
    expect(encodeCbor(new CidLink(bytes))).toEqual(Uint8Array.of(0xd8, 42, 0x46, 0, ...bytes));
  });
});

describeWithSharedData("dag-cbor-encode, interop fixtures", () => {
  const fixtures = readSharedJson("interop-tests/data-model/data-model-fixtures.json") as {
    readonly json: unknown;
    readonly cbor_base64: string;
    readonly cid: string;
  }[];

  it.each(fixtures)("give their bytes and CID ($cid)", ({ json, cbor_base64, cid }) => {
    const bytes = encodeCbor(fromDagJson(json));
    expect(Buffer.from(bytes).toString("base64").replace(/=+$/, "")).toBe(cbor_base64);
    expect(cidText(digestOf(bytes))).toBe(cid);
  });
});
