import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CidLink } from "../../../lib/core/cid.ts";
import { CborFloat, type CborValue, decodeCbor } from "../../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../../lib/core/dag-cbor-encode.ts";
import { plainJson } from "../../../lib/core/plain-json.ts";
import { anyValue } from "../../support/arbitrary-cbor.ts";

const LIMITS = { maxDepth: 256 };

/** The same by way of values, as slowly as one likes. */
function oracle(value: CborValue): unknown {
  if (value instanceof Map) return Object.fromEntries(Array.from(value, ([key, item]) => [key, oracle(item)]));
  if (Array.isArray(value)) return value.map(oracle);
  if (value instanceof CidLink) return value.text;
  if (value instanceof CborFloat) return value.value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  return typeof value === "bigint" ? Number(value) : value;
}

describe("the plain JSON of a record", () => {
  it("says what its values say", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const map = new Map([["value", value]]);
        const json: unknown = JSON.parse(plainJson(encodeCbor(map), LIMITS) ?? "");
        expect(json).toEqual(JSON.parse(JSON.stringify(oracle(map))));
      }),
    );
  });

  it("writes keys in their order, all digits, and what JSON has to escape", () => {
    const map = new Map<string, CborValue>([
      ["b", 2n ** 63n],
      ['"', "\0\n"],
      ["aa", [null, true, new Uint8Array([0, 255])]],
    ]);
    expect(plainJson(encodeCbor(map), LIMITS)).toBe(
      '{"\\"":"\\u0000\\n","b":9223372036854775808,"aa":[null,true,"00ff"]}',
    );
  });

  it("is none of what is no map, no CBOR, too deep, or has something behind it", () => {
    const map = encodeCbor(new Map([["a", [[[]]]]]));
    expect(plainJson(encodeCbor([1]), LIMITS)).toBeNull();
    expect(plainJson(Uint8Array.of(0xff), LIMITS)).toBeNull();
    expect(plainJson(map, { maxDepth: 3 })).toBeNull();
    expect(plainJson(map, LIMITS)).toBe('{"a":[[[]]]}');
    expect(plainJson(Uint8Array.of(...map, 0), LIMITS)).toBeNull();
    expect(decodeCbor(map).ok).toBe(true);
  });
});
