/**
 * Who acts and who is acted upon: numbers in, DIDs out. Nobody is stored: a DID is its number, hashed.
 *
 * Activity follows a power law with a blunt top (Zipf and Mandelbrot: the account of rank r has a share like (r + c)^-s). It is
 * set so that two million likes come from about 300,000 accounts, of which the busiest has a few thousand: on the
 * network two hours give two million likes from 250,000 to 350,000 accounts, and limits of rate keep the busiest from more.
 */
import { mixOf } from "./random.ts";

/** Accounts that write. */
export const AUTHORS = 1_200_000;
/** Accounts that are pointed at: those who write, and those whose posts and follows are older than the load. */
export const PEOPLE = 6_000_000;

/** Ranks of who acts: found by counting how many different ones two million draws give. */
const rankOfActor = powerLaw({ limit: AUTHORS, exponent: 1.2, blunt: 150 });
/** Ranks of who is followed, or wrote a post before the load began. */
const rankOfKnown = powerLaw({ limit: PEOPLE, exponent: 1.15, blunt: 200 });
/** Coprime with AUTHORS and PEOPLE: who posts much, or is known, is not who likes much. */
const POSTER_STEP = 611_953;
const KNOWN_STEP = 1_611_979;

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const PAIRS = Array.from({ length: 1024 }, (_, pair) => `${ALPHABET[pair >> 5]}${ALPHABET[pair & 31]}`);
/** 30 bits → 6 characters, five times: four words of the hash make 24. */
const WORD_SALTS = [0x3c6ef372, 0x510e527f, 0x1f83d9ab, 0x5be0cd19] as const;

/** The account with this number, 0 … PEOPLE − 1. */
export function didOf(person: number): string {
  let did = "did:plc:";
  for (const salt of WORD_SALTS) {
    const word = mixOf(person, salt);
    did += `${PAIRS[word & 1023]}${PAIRS[(word >>> 10) & 1023]}${PAIRS[(word >>> 20) & 1023]}`;
  }
  return did;
}

/** Who likes, reposts or follows, from a number in [0, 1). */
export function actorOf(unit: number): number {
  return rankOfActor(unit);
}

/** Who is followed: not in the order of those who act. */
export function followedOf(unit: number): number {
  return (rankOfKnown(unit) * KNOWN_STEP) % PEOPLE;
}

/** Who wrote a post, from a number in [0, 1): as unequal as likes, but others. A post from before the load may be anybody's. */
export function posterOf(unit: number, { isOld }: { readonly isOld: boolean }): number {
  return isOld ? (rankOfKnown(unit) * KNOWN_STEP) % PEOPLE : (rankOfActor(unit) * POSTER_STEP) % AUTHORS;
}

/** A number in [0, 1) → a rank, 0 … limit − 1: the inverse of the sum of (rank + blunt)^-exponent. */
function powerLaw({
  limit,
  exponent,
  blunt,
}: {
  readonly limit: number;
  readonly exponent: number;
  readonly blunt: number;
}): (unit: number) => number {
  const tail = 1 - (1 + limit / blunt) ** (1 - exponent);
  const root = 1 / (1 - exponent);
  return (unit) => Math.min(limit - 1, Math.floor(blunt * ((1 - unit * tail) ** root - 1)));
}
