import { describe, expect, it } from "vitest";
import { CidLink, digestOf } from "../../../lib/core/cid.ts";
import { readSlice } from "../../../lib/core/commit-block.ts";
import { type CborValue, decodeCbor } from "../../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../../lib/core/dag-cbor-encode.ts";
import { type Block, cidOf, joinCar } from "../../support/recorded-frames.ts";

const did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz";
const rev = "3mptbypluud2a";
const tree = cidOf(encodeCbor("the tree"));

function commitBlock(fields: Readonly<Record<string, CborValue>> = {}): Uint8Array {
  const all = { did, rev, sig: new Uint8Array(64).fill(7), data: tree, prev: null, version: 3, ...fields };
  return encodeCbor(new Map(Object.entries(all)));
}

function carOf(...blocks: [Uint8Array, ...Uint8Array[]]): Uint8Array {
  const header = new Map<string, CborValue>([
    ["roots", [cidOf(blocks[0])]],
    ["version", 1],
  ]);
  return joinCar({ header, blocks: blocks.map((data): Block => ({ cid: cidOf(data).bytes, data })) });
}

/** What a message finds that says this DID and rev (they stand after the slice here) of a commit block: its tree's digest, or what is wrong. */
function read(block: Uint8Array, says: { did?: string; rev?: string } = {}): Uint8Array | string {
  const claim = { did, rev, ...says };
  const car = carOf(block);
  const bytes = new Uint8Array(Buffer.concat([car, Buffer.from(claim.did + claim.rev)]));
  const didAt = car.length;
  const places = { blocksAt: 0, blocksEnd: didAt, didAt, revAt: didAt + claim.did.length };
  const slice = readSlice({ ...places, did: claim.did }, bytes);
  return "reason" in slice ? slice.detail : bytes.slice(slice.treeAt, slice.treeAt + 32);
}

/** The same judgement from the decoded map, without any short cut. */
function judged(block: Uint8Array): Uint8Array | undefined {
  const decoded = decodeCbor(block);
  const map = decoded.ok && decoded.value instanceof Map ? decoded.value : new Map<string, CborValue>();
  const data = map.get("data");
  const isSame = map.get("version") === 3 && map.get("did") === did && map.get("rev") === rev;
  return isSame && data instanceof CidLink ? data.recordDigest : undefined;
}

describe("a commit block", () => {
  it("says what the message says, and which tree", () => {
    expect(read(commitBlock())).toEqual(tree.recordDigest);
  });

  it("is refused where one character of its DID or rev is another", () => {
    for (let i = 0; i < did.length; i += 1) {
      const other = did.slice(0, i) + (did[i] === "a" ? "b" : "a") + did.slice(i + 1);
      expect(read(commitBlock({ did: other }))).toContain("contradicts what the message says: did");
    }
    for (let i = 0; i < rev.length; i += 1) {
      const other = rev.slice(0, i) + (rev[i] === "a" ? "b" : "a") + rev.slice(i + 1);
      expect(read(commitBlock({ rev: other }))).toContain("contradicts what the message says: rev");
    }
  });

  it.each([
    ["in capitals", did.toUpperCase()],
    ["longer by one", `${did}a`],
    ["shorter by one", did.slice(0, -1)],
    ["empty", ""],
  ])("is refused where its DID is %s", (_how, other) => {
    expect(read(commitBlock({ did: other }))).toContain("contradicts what the message says: did");
  });

  it.each(["did:web:eu.a", `did:web:${"a".repeat(15)}`, `did:web:${"a".repeat(16)}`, `did:web:${"a".repeat(300)}`])(
    "may be of a DID of any length: %s",
    (other) => {
      expect(read(commitBlock({ did: other }), { did: other })).toEqual(tree.recordDigest);
      expect(read(commitBlock({ did: other }), { did: other.replace(/a$/, "b") })).toContain("says: did");
    },
  );

  it.each<[string, Record<string, CborValue>]>([
    ["a prev", { prev: cidOf(encodeCbor("the commit before")) }],
    ["a longer signature", { sig: new Uint8Array(65) }],
    ["a shorter one", { sig: new Uint8Array(63) }],
    ["one more field", { zzz: [1] }],
  ])("may have %s", (_what, fields) => {
    expect(read(commitBlock(fields))).toEqual(tree.recordDigest);
  });

  it("is judged alike by the short cut and by what it decodes to, with any of its bytes changed or left out", () => {
    const block = commitBlock();
    for (let i = 0; i < block.length; i += 1) {
      const shorter = new Uint8Array([...block.subarray(0, i), ...block.subarray(i + 1)]);
      const changed = [1, 0x20, 0x80, 0xff].map((bits) => block.map((byte, at) => (at === i ? byte ^ bits : byte)));
      for (const other of [shorter, ...changed]) {
        const found = read(other);
        expect([i, typeof found === "string" ? undefined : found]).toEqual([i, judged(other)]);
      }
    }
  });
});

describe("one slice after another", () => {
  it("finds nothing that only the one before held", () => {
    const block = commitBlock();
    const [whole, empty] = [carOf(block), carOf(block).length - block.length - cidOf(block).bytes.length - 2];
    const bytes = new Uint8Array(Buffer.concat([whole, Buffer.from(did + rev)]));
    const claim = { blocksAt: 0, did, didAt: whole.length, revAt: whole.length + did.length };
    expect(readSlice({ ...claim, blocksEnd: whole.length }, bytes)).toHaveProperty("treeAt");
    expect(readSlice({ ...claim, blocksEnd: empty }, bytes)).toMatchObject({
      reason: "broken-blocks",
      detail: expect.stringContaining("missing"),
    });
  });

  it("hashes each block anew", () => {
    const block = commitBlock();
    expect(read(block)).toEqual(tree.recordDigest);
    const spoiled = new Uint8Array(carOf(block));
    const last = spoiled.length - 1;
    spoiled[last] = 4;
    const bytes = new Uint8Array(Buffer.concat([spoiled, Buffer.from(did + rev)]));
    const claim = { blocksAt: 0, blocksEnd: spoiled.length, did, didAt: spoiled.length };
    expect(readSlice({ ...claim, revAt: spoiled.length + did.length }, bytes)).toMatchObject({
      detail: expect.stringContaining("hashes to another cid"),
    });
    expect(digestOf(block)).not.toEqual(digestOf(spoiled.subarray(last + 1 - block.length)));
  });
});
