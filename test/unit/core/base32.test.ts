import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromBase32, toBase32 } from "../../../lib/core/base32.ts";

describe("base32", () => {
  // RFC 4648 §10, lower case and without padding.
  it.each([
    ["", ""],
    ["f", "my"],
    ["fo", "mzxq"],
    ["foo", "mzxw6"],
    ["foob", "mzxw6yq"],
    ["fooba", "mzxw6ytb"],
    ["foobar", "mzxw6ytboi"],
  ])("writes %j as the RFC says", (text, encoded) => {
    expect(toBase32(Buffer.from(text))).toBe(encoded);
    expect(Buffer.from(fromBase32(encoded) ?? []).toString()).toBe(text);
  });

  it("gives every byte array back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        expect(fromBase32(`b${toBase32(bytes)}`, 1)).toEqual(bytes);
      }),
    );
  });

  it.each(["m", "mz1", "MY", "my======", "mz", "mzx", "m ", "mü"])(
    "refuses %j, which it would not have written",
    (text) => {
      expect(fromBase32(text)).toBeUndefined();
    },
  );
});
