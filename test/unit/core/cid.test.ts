import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CID_PREFIX,
  CidLink,
  cidText,
  DAG_CBOR,
  digestOf,
  hashesTo,
  parseCidText,
  RAW,
  readCidBytes,
  sameDigest,
} from "../../../lib/core/cid.ts";
import { describeWithSharedData, readVectorLines } from "../../support/shared-data.ts";

const anyDigest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const someDigest = Uint8Array.from({ length: 32 }, (_, i) => i);
const someCid = Uint8Array.from([...CID_PREFIX, ...someDigest]);

describe("cid", () => {
  it("writes a record's CID as everybody does", () => {
    const digest = parseCidText("bafyreiftot7eltsc3f6g4qktykmbv6jcmdmhcx5osscan6jpdxkpqcmcza")?.digest;
    expect(digest).toHaveLength(32);
    expect(cidText(digest ?? someDigest)).toBe("bafyreiftot7eltsc3f6g4qktykmbv6jcmdmhcx5osscan6jpdxkpqcmcza");
  });

  it("gives every digest back, for records and blobs", () => {
    fc.assert(
      fc.property(anyDigest, fc.constantFrom(DAG_CBOR, RAW), (digest, codec) => {
        expect(parseCidText(cidText(digest, codec))).toEqual({ codec, digest });
      }),
    );
  });

  it.each([
    ["another multibase", `z${cidText(someDigest).slice(1)}`],
    ["upper case", cidText(someDigest).toUpperCase()],
    ["a digit less", cidText(someDigest).slice(0, -1)],
    ["a digit more", `${cidText(someDigest)}a`],
    ["bits beyond the last byte", `${cidText(someDigest).slice(0, -1)}7`],
    ["another codec", cidText(someDigest, 0x70)],
    ["version 0", "QmbWqxBEKC3P8tqsKc98xmWNzrzDtRLMiMPL8wBuTGsMnR"],
    ["nothing", ""],
  ])("refuses %s", (_what, text) => {
    expect(parseCidText(text)).toBeUndefined();
  });

  it("hashes as node:crypto does", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (block) => {
        const digest = new Uint8Array(createHash("sha256").update(block).digest());
        expect(digestOf(block)).toEqual(digest);
        expect(hashesTo(block, Uint8Array.from([7, ...digest]), 1)).toBe(true);
      }),
    );
  });

  it("sees every single wrong byte of a digest", () => {
    const digest = digestOf(someCid);
    for (let i = 0; i < 32; i += 1) {
      const other = Uint8Array.from(digest, (byte, at) => (at === i ? byte ^ 1 : byte));
      expect(hashesTo(someCid, other)).toBe(false);
      expect(sameDigest(digest, 0, other, 0)).toBe(false);
    }
    expect(sameDigest(digest, 0, digest.slice(), 0)).toBe(true);
  });
});

describe("a link", () => {
  it("keeps CIDs of other codecs and hashes byte for byte", () => {
    const identity = Uint8Array.of(1, 0x55, 0, 3, 1, 2, 3);
    expect(CidLink.parse(new CidLink(identity).text)?.bytes).toEqual(identity);
    const blake3 = Uint8Array.from([1, 0x55, 0x1e, 32, ...someDigest]);
    expect(CidLink.parse(new CidLink(blake3).text)?.bytes).toEqual(blake3);
  });

  it("gives the digest only where it names a record", () => {
    expect(new CidLink(someCid).recordDigest).toEqual(someDigest);
    expect(new CidLink(Uint8Array.from([1, RAW, 0x12, 32, ...someDigest])).recordDigest).toBeUndefined();
  });

  it.each([
    ["version 0", [0x12, 0x20, ...someDigest]],
    ["version 2", [2, 0x71, 0x12, 0x20, ...someDigest]],
    ["a digest shorter than it says", [1, 0x71, 0x12, 0x20, 1, 2, 3]],
    ["a longer varint than needed", [1, 0xf1, 0, 0x12, 0x20, ...someDigest]],
    ["more than 100 bytes", [1, 0x55, 0, 97, ...new Uint8Array(97)]],
    ["nothing", []],
  ])("is none with %s", (_what, bytes) => {
    expect(readCidBytes(Uint8Array.from(bytes), 0, bytes.length)).toBe(-1);
  });

  it("tells where it ends, before the end of the range", () => {
    expect(readCidBytes(Uint8Array.from([9, ...someCid, 9, 9]), 1, 39)).toBe(37);
    expect(readCidBytes(someCid, 0, 35)).toBe(-1);
  });
});

describeWithSharedData("cid, interop vectors", () => {
  // The list also has other multibases, which the protocol writes nowhere: base32 is the form of records and URIs.
  const valid = readVectorLines("syntax/cid_syntax_valid.txt").filter((text) => text.startsWith("b"));

  it.each(valid)("takes %j", (text) => {
    expect(CidLink.parse(text)?.text).toBe(text);
  });

  it.each(readVectorLines("syntax/cid_syntax_invalid.txt"))("refuses %j", (text) => {
    expect(CidLink.parse(text)).toBeUndefined();
    expect(parseCidText(text)).toBeUndefined();
  });
});
