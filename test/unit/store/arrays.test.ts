import { describe, expect, it } from "vitest";
import { int4Array, int8Array } from "../../../lib/store/arrays.ts";

/** Head and elements, in hexadecimal. */
function words(...parts: readonly string[]): string {
  return parts.join("").replaceAll(" ", "");
}

describe("arrays in Postgres' binary form", () => {
  it("hold the numbers with their lengths, and none for NULL", () => {
    expect(int4Array([1, null, -2]).toString("hex")).toBe(
      words("00000001 00000001 00000017 00000003 00000001", "00000004 00000001", "ffffffff", "00000004 fffffffe"),
    );
    expect(int8Array([2n ** 62n]).toString("hex")).toBe(
      words("00000001 00000000 00000014 00000001 00000001", "00000008 40000000 00000000"),
    );
  });

  it.each([2 ** 31, -(2 ** 31) - 1, 1.5, Number.NaN])("refuse %d as an int4 instead of wrapping it round", (value) => {
    expect(() => int4Array([value])).toThrow(`no int4: ${value}`);
  });
});
