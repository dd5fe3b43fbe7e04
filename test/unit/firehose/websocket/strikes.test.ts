import { describe, expect, it } from "vitest";
import { Strikes } from "../../../../lib/firehose/websocket/strikes.ts";

const PLACE = { relay: "relay.example", epoch: 1, seqBefore: 5 };
const FRAME = Uint8Array.of(1, 2, 3);

describe("strikes", () => {
  it("count the same bytes at the same place", () => {
    const strikes = new Strikes();
    expect([1, 2, 3].map(() => strikes.add(Uint8Array.from(FRAME), PLACE))).toEqual([1, 2, 3]);
    expect(strikes.add(Uint8Array.of(9), PLACE)).toBe(1);
    expect(strikes.add("oversize", PLACE)).toBe(1);
    expect(strikes.add(FRAME, PLACE)).toBe(4);
  });

  it.each([
    ["seq", { seqBefore: 6 }],
    ["no seq", { seqBefore: null }],
    ["epoch", { epoch: 2 }],
    ["relay", { relay: "other.example" }],
  ])("begin anew at another %s", (_name, part) => {
    const strikes = new Strikes();
    strikes.add(FRAME, PLACE);
    expect(strikes.add(FRAME, { ...PLACE, ...part })).toBe(1);
  });

  it("against an oversize frame are known at their place only", () => {
    const strikes = new Strikes();
    strikes.add("oversize", PLACE);
    expect(strikes.oversizeAt(PLACE)).toBe(1);
    expect(strikes.oversizeAt({ ...PLACE, seqBefore: 6 })).toBe(0);
  });

  it("stay bounded against a relay that sends noise", () => {
    const strikes = new Strikes();
    for (let index = 0; index < 3_000; index += 1) strikes.add(Uint8Array.of(index & 255, index >> 8), PLACE);
    expect(strikes.add(Uint8Array.of(0, 0), PLACE)).toBe(1);
  });
});
