/** DIDs, CIDs and TIDs of the load, from its seed. */
import { createHash } from "node:crypto";
import { type Cid, createCid } from "@atproto/lex-data";
import { tidText } from "../../../../lib/core/tid.ts";
import { bytesOf, type Random } from "./choice.ts";

/** 2026-10-01: in the past, since a consumer refuses revs that are ahead of its clock. */
export const EPOCH_MICROS = Date.UTC(2026, 9, 1, 12) * 1000;

const DAG_CBOR = 0x71;
const RAW = 0x55;
const SHA_256 = 0x12;
const DIGEST_BYTES = 32;
/** A TID's clock id has 10 bits. */
const CLOCK_IDS = 1024;
const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
const DID_CHARS = 24;

/** The DID with this number; `kind` keeps accounts apart from those that are only ever mentioned. */
export function didAt(seed: number, kind: "account" | "stranger", index: number): string {
  const digest = createHash("sha256").update(`${seed} ${kind} ${index}`).digest();
  return `did:plc:${Array.from(digest.subarray(0, DID_CHARS), (byte) => BASE32[byte & 31]).join("")}`;
}

/** A TID of this time, Unix microseconds. */
export function tidAt(micros: number, clockId: number): string {
  return tidText(BigInt(micros) * BigInt(CLOCK_IDS) + BigInt(clockId % CLOCK_IDS));
}

/** The CID of a record or node that nobody will ever see. */
export function unseenCid(random: Random): Cid {
  return cidOfDigest(bytesOf(random, DIGEST_BYTES));
}

/** The CID of a record or node with this SHA-256. */
export function cidOfDigest(digest: Uint8Array): Cid {
  return createCid(DAG_CBOR, SHA_256, new Uint8Array(digest));
}

/** The CID of a picture. */
export function blobCid(random: Random): Cid {
  return createCid(RAW, SHA_256, bytesOf(random, DIGEST_BYTES));
}
