import { describe, expect, it } from "vitest";
import { readVarint, varintLength } from "../../../lib/core/varint.ts";

describe("varint", () => {
  it.each([
    [0, [0]],
    [0x7f, [0x7f]],
    [0x80, [0x80, 1]],
    [0x3fff, [0xff, 0x7f]],
    [0x4000, [0x80, 0x80, 1]],
    [0x1f_ffff, [0xff, 0xff, 0x7f]],
    [0x20_0000, [0x80, 0x80, 0x80, 1]],
    [0xfff_ffff, [0xff, 0xff, 0xff, 0x7f]],
  ])("reads %i and knows its length", (value, encoded) => {
    const bytes = Uint8Array.from([9, ...encoded, 9]);
    expect(readVarint(bytes, 1, bytes.length)).toBe(value);
    expect(varintLength(value)).toBe(encoded.length);
  });

  it.each([
    ["a longer form than needed", [0x80, 0]],
    ["more than four bytes", [0xff, 0xff, 0xff, 0xff, 1]],
    ["an end within", [0x80]],
    ["nothing", []],
  ])("refuses %s", (_what, encoded) => {
    expect(readVarint(Uint8Array.from(encoded), 0, encoded.length)).toBe(-1);
  });

  it("reads nothing beyond the range given", () => {
    expect(readVarint(Uint8Array.of(0x80, 1), 0, 1)).toBe(-1);
  });
});
