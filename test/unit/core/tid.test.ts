import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseTid, readTid, tidText, tidTimeMs } from "../../../lib/core/tid.ts";
import { describeWithSharedData, readVectorLines } from "../../support/shared-data.ts";

const anyTid = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });

describe("tid", () => {
  it("gives every integer of 63 bits back", () => {
    fc.assert(
      fc.property(anyTid, (tid) => {
        expect(parseTid(tidText(tid))).toBe(tid);
      }),
    );
  });

  it("sorts as text as it does as integer", () => {
    fc.assert(
      fc.property(anyTid, anyTid, (a, b) => {
        expect(tidText(a) < tidText(b)).toBe(a < b);
      }),
    );
  });

  it("agrees digit by digit with base 32 of the sortable alphabet", () => {
    const alphabet = "234567abcdefghijklmnopqrstuvwxyz";
    const byDigits = "3mptbypluud2a".split("").reduce((sum, char) => sum * 32n + BigInt(alphabet.indexOf(char)), 0n);
    expect(parseTid("3mptbypluud2a")).toBe(byDigits);
  });

  it("knows when it was made", () => {
    const tid = parseTid("3mptbypluud2a") ?? 0n;
    expect(tidTimeMs(tid)).toBe(Math.floor(Number(tid >> 10n) / 1000));
    expect(new Date(tidTimeMs(tid)).toISOString().slice(0, 10)).toBe("2026-07-04");
  });

  it("rounds its time down, whatever the clock id", () => {
    fc.assert(
      fc.property(anyTid, (tid) => {
        expect(tidTimeMs(tid)).toBe(Number((tid >> 10n) / 1000n));
      }),
    );
  });

  it("reads the same from bytes in place", () => {
    const bytes = Buffer.from("xx3mptbypluud2axx");
    expect(readTid(bytes, 2)).toBe(parseTid("3mptbypluud2a"));
    expect(readTid(bytes, 10)).toBeUndefined();
  });

  it.each([
    "",
    "3mptbypluud2",
    "3mptbypluud2aa",
    "3mptbypluud21",
    "3MPTBYPLUUD2A",
    "3mptbypluud2\u0132",
    "c222222222222",
  ])("refuses %j", (text) => {
    expect(parseTid(text)).toBeUndefined();
  });

  it("takes no integer that Postgres' bigint cannot hold", () => {
    expect(parseTid("bzzzzzzzzzzzz")).toBe(2n ** 63n - 1n);
    expect(parseTid("c222222222222")).toBeUndefined();
  });
});

describeWithSharedData("tid, interop vectors", () => {
  it.each(readVectorLines("syntax/tid_syntax_valid.txt"))("takes %j", (text) => {
    expect(tidText(parseTid(text) ?? -1n)).toBe(text);
  });

  it.each(readVectorLines("syntax/tid_syntax_invalid.txt"))("refuses %j", (text) => {
    expect(parseTid(text)).toBeUndefined();
  });
});
