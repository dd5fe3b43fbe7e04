/** Values of every shape that DAG-CBOR has, for property tests. */
import fc from "fast-check";
import { CidLink } from "../../lib/core/cid.ts";
import { CborFloat, type CborValue } from "../../lib/core/dag-cbor.ts";

/** Only well-formed UTF-16 has UTF-8. Astral characters, U+E000… and odd keys are where orders and escapes differ. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.string({ maxLength: 300 }),
  fc.constantFrom(
    "",
    "\0",
    "a\0b",
    "\uFEFF",
    "\uFFFD",
    "\uE000",
    "\u{10000}",
    "__proto__",
    "constructor",
    "$link",
    "$bytes",
  ),
);

const sha256Link: fc.Arbitrary<CidLink> = fc
  .tuple(fc.constantFrom(0x71, 0x55), fc.uint8Array({ minLength: 32, maxLength: 32 }))
  .map(([codec, digest]) => new CidLink(Uint8Array.from([1, codec, 0x12, 0x20, ...digest])));

export const anyLink: fc.Arbitrary<CidLink> = fc.oneof(
  sha256Link,
  fc
    .uint8Array({ maxLength: 96 })
    .map((digest) => new CidLink(Uint8Array.from([1, 0x55, 0, digest.length, ...digest]))),
);

const safeInteger = fc
  .oneof(fc.maxSafeInteger(), fc.integer({ min: -300, max: 70_000 }))
  .map((value) => value + 0 || 0);

const textWithoutNul = anyText.filter((text) => !text.includes("\0"));

/** What the data model has and jsonb can hold (maps that look like links or bytes apart). */
export const exactValue: fc.Arbitrary<CborValue> = values(textWithoutNul, [
  fc.constant(null),
  fc.boolean(),
  safeInteger,
  textWithoutNul,
  fc.uint8Array({ maxLength: 300 }),
  anyLink,
]);

/** What other implementations take too: links of sha-256 only, no key that is special to JavaScript or to their JSON. */
export const commonValue: fc.Arbitrary<CborValue> = values(
  textWithoutNul.filter((key) => !["__proto__", "constructor", "$link", "$bytes"].includes(key)),
  [fc.constant(null), fc.boolean(), safeInteger, textWithoutNul, fc.uint8Array({ maxLength: 300 }), sha256Link],
);

/** All of DAG-CBOR. */
export const anyValue: fc.Arbitrary<CborValue> = values(anyText, [
  fc.constant(null),
  fc.boolean(),
  safeInteger,
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: -(2n ** 64n), max: -(2n ** 53n) }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => new CborFloat(value)),
  anyText,
  fc.uint8Array({ maxLength: 300 }),
  anyLink,
]);

function values(keys: fc.Arbitrary<string>, leaves: fc.Arbitrary<CborValue>[]): fc.Arbitrary<CborValue> {
  return fc.letrec<{ value: CborValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, depthSize: "small" },
      ...leaves,
      fc.array(tie("value"), { maxLength: 30 }),
      fc.array(fc.tuple(keys, tie("value")), { maxLength: 30 }).map((entries) => new Map(entries)),
    ),
  })).value;
}
