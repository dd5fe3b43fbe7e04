import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { laneOf } from "../../../lib/core/lane.ts";

/** A DID as PLC makes them: base32 of a hash. */
function plcDid(number: number): string {
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  const digest = createHash("sha256").update(`account ${number}`).digest().subarray(0, 24);
  return `did:plc:${[...digest].map((byte) => alphabet[byte & 31]).join("")}`;
}

describe("laneOf", () => {
  // Written down, not computed: packs in streams and cursors in databases depend on these.
  test.each([
    { did: "did:plc:ewvi7nxzyoun6zhxrhs64oiz", lanes: 8, lane: 1 },
    { did: "did:plc:ewvi7nxzyoun6zhxrhs64oiz", lanes: 4096, lane: 3417 },
    { did: "did:web:example.com", lanes: 8, lane: 4 },
    { did: "did:web:exämple.com", lanes: 8, lane: 5 },
    { did: "", lanes: 8, lane: 1 },
    { did: "", lanes: 1, lane: 0 },
  ])("of '$did' among $lanes is $lane for ever", ({ did, lanes, lane }) => {
    expect(laneOf(did, lanes)).toBe(lane);
  });

  test("is FNV-1a, folded, as the format says", () => {
    // Published test vector of FNV-1a 32: "foobar" hashes to bf9cf968.
    const hash = 0xbf9cf968;
    expect(laneOf("foobar", 2 ** 32)).toBe((hash ^ (hash >>> 16)) >>> 0);
  });

  test.each([
    { of: "hashed DIDs", name: plcDid },
    { of: "numbered hosts", name: (number: number) => `did:web:user${number}.example.com` },
    { of: "numbered names at the end", name: (number: number) => `did:web:example.com:user:${number}` },
  ])("spreads $of evenly, whatever the number of lanes", ({ name }) => {
    const accounts = 20_000;
    for (const lanes of [2, 3, 8, 16, 64]) {
      const counts = new Array<number>(lanes).fill(0);
      for (let number = 0; number < accounts; number++) {
        const lane = laneOf(name(number), lanes);
        counts[lane] = (counts[lane] ?? 0) + 1;
      }
      const mean = accounts / lanes;
      // Five standard deviations of a fair throw.
      const tolerance = 5 * Math.sqrt(mean);
      expect(Math.min(...counts), `fewest of ${lanes}`).toBeGreaterThan(mean - tolerance);
      expect(Math.max(...counts), `most of ${lanes}`).toBeLessThan(mean + tolerance);
    }
  });
});
