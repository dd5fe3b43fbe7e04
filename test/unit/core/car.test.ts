import { readCarWithRoot } from "@atproto/repo";
import { describe, expect, it } from "vitest";
import {
  blockAt,
  type CarBlocks,
  findBlock,
  findIntactBlock,
  NO_BLOCK,
  NO_INTACT_BLOCK,
  readCar,
} from "../../../lib/core/car.ts";
import { CidLink, digestOf } from "../../../lib/core/cid.ts";
import { readSlice } from "../../../lib/core/commit-block.ts";
import { type CborValue, decodeCbor } from "../../../lib/core/dag-cbor.ts";
import { encodeCbor } from "../../../lib/core/dag-cbor-encode.ts";
import { type Block, cidOf, joinCar } from "../../support/recorded-frames.ts";
import { describeWithSharedData, readSharedFile } from "../../support/shared-data.ts";

const data = (value: CborValue) => encodeCbor(value);
const block = (bytes: Uint8Array): Block => ({ cid: cidOf(bytes).bytes, data: bytes });
const root = data(new Map([["root", 1]]));
const headerOf = (...roots: CborValue[]) =>
  new Map<string, CborValue>([
    ["roots", roots],
    ["version", 1],
  ]);
const header = headerOf(cidOf(root));
const three = [root, data("two"), data([3])].map(block);

/** Where the root of a header stands after one byte of length, without any short cut. */
function rootJudged(bytes: Uint8Array): number | string {
  const decoded = decodeCbor(bytes);
  const map = decoded.ok && decoded.value instanceof Map ? decoded.value : new Map<string, CborValue>();
  const roots = map.get("roots");
  if (map.get("version") !== 1 || !Array.isArray(roots) || !roots.every((link) => link instanceof CidLink)) {
    return "no header";
  }
  const [digest] = roots.map(({ recordDigest }) => recordDigest);
  return digest === undefined ? -1 : 1 + digest.byteOffset - bytes.byteOffset;
}

function opened(car: Uint8Array, from?: number, to?: number): CarBlocks {
  const result = readCar(car, from, to);
  if (!result.ok) {
    throw new Error(result.reason);
  }
  return result.value;
}

describe("a CAR", () => {
  it("gives each block by its digest, in any order of the file", () => {
    for (const blocks of [three, [...three].reverse()]) {
      const car = opened(joinCar({ header, blocks }));
      expect(car.count).toBe(3);
      for (const { data: bytes } of three) {
        expect(blockAt(car, findIntactBlock(car, digestOf(bytes)))).toEqual(bytes);
      }
      expect(car.bytes.subarray(car.rootAt, car.rootAt + 32)).toEqual(digestOf(root));
    }
  });

  it("is read in the middle of other bytes, and not beyond its range", () => {
    const car = joinCar({ header, blocks: three });
    const around = Buffer.concat([Buffer.alloc(5, 0xff), car, Buffer.alloc(5, 1)]);
    expect(opened(around, 5, 5 + car.length).count).toBe(3);
    expect(readCar(around, 5).ok).toBe(false);
  });

  it("misses what it has not", () => {
    const car = opened(joinCar({ header, blocks: three }));
    expect(findBlock(car, digestOf(data("absent")))).toBe(-1);
    expect(findIntactBlock(car, digestOf(data("absent")))).toBe(NO_BLOCK);
  });

  it("takes the copy that hashes to its CID, wherever it stands", () => {
    const wrong = { cid: cidOf(root).bytes, data: data("wrong") };
    for (const blocks of [
      [wrong, wrong, block(root)],
      [block(root), wrong],
      [wrong, block(root), wrong],
    ]) {
      const car = opened(joinCar({ header, blocks }));
      expect(blockAt(car, findIntactBlock(car, digestOf(root)))).toEqual(root);
    }
    const onlyWrong = opened(joinCar({ header, blocks: [wrong, wrong] }));
    expect(findIntactBlock(onlyWrong, digestOf(root))).toBe(NO_INTACT_BLOCK);
    // The second answer comes from the table's memory.
    expect(findIntactBlock(onlyWrong, digestOf(root))).toBe(NO_INTACT_BLOCK);
  });

  it("tells blocks apart whose digests begin alike", () => {
    const digest = digestOf(root);
    const twin = Uint8Array.from(digest, (byte, i) => (i === 31 ? byte ^ 1 : byte));
    const cid = Buffer.concat([Uint8Array.of(1, 0x71, 0x12, 0x20), twin]);
    const car = opened(joinCar({ header, blocks: [{ cid, data: data(0) }, block(root)] }));
    expect(blockAt(car, findBlock(car, digest))).toEqual(root);
  });

  it("tolerates blocks of other codecs and hashes, without finding them as records", () => {
    const digest = digestOf(root);
    const raw = Buffer.concat([Uint8Array.of(1, 0x55, 0x12, 0x20), digest]);
    const identity = Uint8Array.of(1, 0x55, 0, 2, 7, 7);
    const car = opened(
      joinCar({
        header,
        blocks: [
          { cid: raw, data: root },
          { cid: identity, data: new Uint8Array() },
        ],
      }),
    );
    expect(car.count).toBe(2);
    expect(findBlock(car, digest)).toBe(-1);
  });

  it("has a header that is judged alike by the short cut and by what it decodes to, with any of its bytes changed", () => {
    const bytes = encodeCbor(header);
    for (let i = 0; i < bytes.length; i += 1) {
      for (const bits of [1, 2, 0x20, 0x80]) {
        const changed = bytes.map((byte, at) => (at === i ? byte ^ bits : byte));
        const result = readCar(new Uint8Array([changed.length, ...changed]));
        const rootAt = result.ok ? result.value.rootAt : "no header";
        expect([i, bits, rootAt]).toEqual([i, bits, rootJudged(changed)]);
      }
    }
  });

  it("may have no block, no root, or a root that is no commit", () => {
    expect(opened(joinCar({ header, blocks: [] })).count).toBe(0);
    expect(opened(joinCar({ header: headerOf(), blocks: three })).rootAt).toBe(-1);
    const raw = new CidLink(Uint8Array.of(1, 0x55, 0, 1, 1));
    expect(opened(joinCar({ header: headerOf(raw, cidOf(root)), blocks: three })).rootAt).toBe(-1);
  });

  it.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array()],
    ["an empty header", Uint8Array.of(0)],
    ["a header longer than the bytes", Uint8Array.of(0x20, 0xa0)],
    [
      "a header of another version",
      joinCar({
        header: new Map<string, CborValue>([
          ["roots", []],
          ["version", 2],
        ]),
        blocks: [],
      }),
    ],
    ["a header without version", joinCar({ header: new Map([["roots", []]]), blocks: [] })],
    ["a header without roots", joinCar({ header: new Map([["version", 1]]), blocks: [] })],
    ["a header that is no map", joinCar({ header: [], blocks: [] })],
    ["roots that are no links", joinCar({ header: headerOf("a"), blocks: [] })],
    ["a block of no bytes", Buffer.concat([joinCar({ header, blocks: three }), Uint8Array.of(0)])],
    [
      "a block shorter than its CID",
      Buffer.concat([joinCar({ header, blocks: three }), Uint8Array.of(3, 1, 0x71, 0x12)]),
    ],
    ["a block without a CID", Buffer.concat([joinCar({ header, blocks: three }), Uint8Array.of(4, 9, 9, 9, 9)])],
  ])("is refused with %s", (_what, bytes) => {
    expect(readCar(bytes)).toMatchObject({ ok: false, reason: expect.stringContaining("car") });
  });

  it("is refused at every other length", () => {
    const car = joinCar({ header, blocks: three });
    const ends = new Set([car.length]);
    for (let blocks = 0; blocks < 3; blocks += 1) {
      ends.add(joinCar({ header, blocks: three.slice(0, blocks) }).length);
    }
    for (let length = 0; length <= car.length; length += 1) {
      expect(readCar(car.subarray(0, length)).ok).toBe(ends.has(length));
    }
  });

  it("has a limit of blocks", () => {
    const many = joinCar({ header, blocks: Array.from({ length: 20_000 }, () => block(root)) });
    expect(readCar(many)).toMatchObject({ ok: false, reason: "car: more than 16384 blocks" });
    expect(readCar(many, 0, many.length, 20_000).ok).toBe(true);
  });
});

describeWithSharedData("whole repos as CAR", () => {
  it.each(["empty.car", "tiny.car", "valid_repo.car", "repo_slice.car"])(
    "%s: the blocks that @atproto/repo finds",
    async (name) => {
      const bytes = readSharedFile(`cars/${name}`);
      const result = readCar(bytes, 0, bytes.length, 1_000_000);
      if (!result.ok) {
        throw new Error(result.reason);
      }
      const theirs = await readCarWithRoot(bytes);
      const car = result.value;
      for (const { cid, bytes: theirBlock } of theirs.blocks.entries()) {
        const index = findIntactBlock(car, cid.bytes, 4);
        expect(Buffer.compare(blockAt(car, index), theirBlock)).toBe(0);
      }
      expect(theirs.blocks.size).toBeGreaterThan(0);
      expect(new Set(car.table.filter((_, i) => i % 4 === 0)).size).toBe(theirs.blocks.size);
      expect(Buffer.from(car.bytes.subarray(car.rootAt, car.rootAt + 32))).toEqual(
        Buffer.from(theirs.root.bytes.subarray(4)),
      );
    },
  );

  it.each(["empty.car", "tiny.car", "valid_repo.car"])(
    "%s: the commit block is of version 3 and says whose repo it is",
    (name) => {
      const { car, did, rev } = commitOf(name);
      expect(sliceSaying(car, did, rev)).toHaveProperty("treeAt");
      expect(sliceSaying(car, `${did}x`, rev)).toMatchObject({ reason: "broken-blocks" });
    },
  );

  it("repo_slice.car: a repo of format 2 is refused", () => {
    const { car, did, rev } = commitOf("repo_slice.car");
    expect(sliceSaying(car, did, rev)).toMatchObject({
      reason: "broken-blocks",
      detail: expect.stringContaining("version 2"),
    });
  });
});

/** What a repo's own commit block says. */
function commitOf(name: string): { car: Uint8Array; did: string; rev: string } {
  const bytes = readSharedFile(`cars/${name}`);
  const car = opened(bytes);
  const commit = decodeCbor(blockAt(car, findIntactBlock(car, car.bytes, car.rootAt)));
  const fields = commit.ok && commit.value instanceof Map ? commit.value : new Map<string, CborValue>();
  const text = (key: string): string => {
    const value = fields.get(key);
    return typeof value === "string" ? value : "";
  };
  return { car: bytes, did: text("did"), rev: text("rev") };
}

/** The slice of a message that says this DID and rev: they stand after it here. */
function sliceSaying(car: Uint8Array, did: string, rev: string): ReturnType<typeof readSlice> {
  const bytes = new Uint8Array(Buffer.concat([car, Buffer.from(did + rev)]));
  const didAt = car.length;
  return readSlice({ blocksAt: 0, blocksEnd: didAt, did, didAt, revAt: didAt + did.length }, bytes);
}
