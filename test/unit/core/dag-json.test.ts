import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CidLink } from "../../../lib/core/cid.ts";
import { CborFloat, type CborValue } from "../../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../../lib/core/dag-cbor-encode.ts";
import { fromDagJson, toDagJson } from "../../../lib/core/dag-json.ts";
import { NotEncodableError } from "../../../lib/core/errors.ts";
import { anyValue, exactValue } from "../../support/arbitrary-cbor.ts";
import { describeWithSharedData, readSharedJson } from "../../support/shared-data.ts";

const cid = "bafkreiccldh766hwcnuxnf2wh6jgzepf2nlu2lvcllt63eww5p6chi4ity";

describe("toDagJson", () => {
  it("gives the very bytes back wherever it says exact, and JSON everywhere", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const { json, exact } = toDagJson(value);
        const parsed: unknown = JSON.parse(json);
        expect(exact ? encodeCbor(fromDagJson(parsed)) : true).toEqual(exact ? encodeCbor(value) : true);
        expect(json).not.toMatch(/\\u0000|\\ud[89a-f]/i);
      }),
      { numRuns: 500 },
    );
  });

  it("is exact for all that the data model has", () => {
    const hasSpecialKey = (value: CborValue): boolean =>
      value instanceof Map
        ? value.has("$link") || value.has("$bytes") || [...value.values()].some(hasSpecialKey)
        : Array.isArray(value) && value.some(hasSpecialKey);
    fc.assert(
      fc.property(exactValue, (value) => {
        expect(toDagJson(value).exact).toBe(!hasSpecialKey(value));
      }),
      { numRuns: 500 },
    );
  });

  it.each<[string, CborValue, string]>([
    ["U+0000 in a text", "a\0b", '"a\uFFFDb"'],
    ["U+0000 in a key", new Map([["\0", 1]]), '{"\uFFFD":1}'],
    [
      "keys that become the same",
      new Map([
        ["\0", 1],
        ["\uFFFD", 2],
      ]),
      '{"\uFFFD":1,"\uFFFD":2}',
    ],
    ["a float", new CborFloat(1), "1"],
    ["a large float", new CborFloat(1e300), "1e+300"],
    ["an integer beyond 53 bits", 2n ** 53n + 1n, "9007199254740993"],
    ["a map that looks like a link", new Map([["$link", cid]]), `{"$link":"${cid}"}`],
    ["a map that looks like bytes", new Map([["$bytes", "AQ"]]), '{"$bytes":"AQ"}'],
  ])("is not exact for %s", (_what, value, json) => {
    expect(toDagJson(value)).toEqual({ json, exact: false });
    expect(toDagJson([value])).toEqual({ json: `[${json}]`, exact: false });
  });

  it("writes links and bytes as the data model says", () => {
    const link = CidLink.parse(cid) ?? new CidLink(new Uint8Array());
    expect(
      toDagJson(
        new Map<string, CborValue>([
          ["l", link],
          ["b", Uint8Array.of(1)],
        ]),
      ),
    ).toEqual({
      json: `{"l":{"$link":"${cid}"},"b":{"$bytes":"AQ"}}`,
      exact: true,
    });
  });

  it("does not take the prototype for a key", () => {
    const map = new Map([["__proto__", 1]]);
    expect(toDagJson(map)).toEqual({ json: '{"__proto__":1}', exact: true });
    expect(fromDagJson(JSON.parse('{"__proto__":1}'))).toEqual(map);
  });
});

describe("fromDagJson", () => {
  it("takes a link or bytes only where nothing stands beside them", () => {
    expect(fromDagJson({ $link: cid })).toBeInstanceOf(CidLink);
    expect(fromDagJson({ $bytes: "AQ" })).toEqual(Uint8Array.of(1));
    expect(fromDagJson({ $bytes: "AQ==" })).toEqual(Uint8Array.of(1));
    expect(fromDagJson({ $link: cid, a: 1 })).toBeInstanceOf(Map);
  });

  it.each([{ $link: "." }, { $link: 1 }, { $bytes: [1] }, { $bytes: "A" }, { $bytes: "ä" }])(
    "leaves %j a map",
    (json) => {
      expect(fromDagJson(json)).toBeInstanceOf(Map);
    },
  );

  it("keeps fractions as floats", () => {
    expect(fromDagJson(123.456)).toEqual(new CborFloat(123.456));
    expect(fromDagJson(JSON.parse("123.0"))).toBe(123);
    expect(Object.is(fromDagJson(JSON.parse("-0")), 0)).toBe(true);
  });

  it("throws for what no JSON holds", () => {
    expect(() => fromDagJson([undefined])).toThrow(NotEncodableError);
  });
});

interface Vector {
  readonly note: string;
  readonly json: unknown;
}

describeWithSharedData("dag-json, interop vectors", () => {
  it.each(readSharedJson("interop-tests/data-model/data-model-valid.json") as Vector[])("valid: $note", ({ json }) => {
    const { json: text, exact } = toDagJson(fromDagJson(json));
    expect([JSON.parse(text), exact]).toEqual([json, true]);
  });

  // What breaks the form of the data model itself: such a value survives, but never as exact. ($type and blobs are rules of lexicons.)
  const broken = [
    "float",
    "bytes with wrong field type",
    "bytes with extra fields",
    "link with wrong field type",
    "link with bogus CID",
    "link with extra fields",
  ];
  const invalid = readSharedJson("interop-tests/data-model/data-model-invalid.json") as Vector[];

  it.each(invalid.filter(({ note }) => broken.includes(note)))("invalid: $note", ({ json }) => {
    expect(toDagJson(fromDagJson(json)).exact).toBe(false);
  });

  it("knows all of the invalid ones that concern the form", () => {
    expect(invalid.filter(({ note }) => broken.includes(note))).toHaveLength(broken.length);
  });
});
