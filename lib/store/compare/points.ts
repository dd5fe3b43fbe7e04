/** A seed in, points in the order of DIDs out: the same seed always gives the same points, in any database. */
import { createHash } from "node:crypto";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
/** 40 bits: closer together than accounts are. */
const DIGITS = 8;

/** Accounts of other methods than `did:plc` are few, and come after all of these: every so often a point is among them. */
const WEB_EVERY = 20;

/** Evenly spread over `did:plc`, whose DIDs are hashes, and some over the first letters of `did:web`. */
export function samplePoints(seed: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    const bytes = createHash("sha256").update(`${seed} ${index}`).digest();
    const digits = Array.from({ length: DIGITS }, (_, at) => ALPHABET[(bytes[at] ?? 0) % ALPHABET.length]);
    return index % WEB_EVERY === WEB_EVERY - 1 ? `did:web:${digits[0]}` : `did:plc:${digits.join("")}`;
  });
}
